// View-dependent colour of splats: the same basis as assets/splats/spherical_harmonics.py.

// Weights of all 16 coefficients along the unit direction d. Those of bands above `degree` are zero.
void shWeights(vec3 d, int degree, out vec4 w[4]) {
    float x = d.x, y = d.y, z = d.z;
    w[0] = vec4(0.28209479177387814, 0.0, 0.0, 0.0);
    w[1] = w[2] = w[3] = vec4(0.0);
    if (degree < 1) return;
    w[0].yzw = 0.4886025119029199 * vec3(-y, z, -x);
    if (degree < 2) return;
    float xx = x * x, yy = y * y, zz = z * z, xy = x * y;
    w[1] = vec4(1.0925484305920792 * xy, -1.0925484305920792 * y * z,
                0.31539156525252005 * (2.0 * zz - xx - yy), -1.0925484305920792 * x * z);
    w[2].x = 0.5462742152960396 * (xx - yy);
    if (degree < 3) return;
    w[2].yzw = vec3(-0.5900435899266435 * y * (3.0 * xx - yy), 2.890611442640554 * xy * z,
                    -0.4570457994644658 * y * (4.0 * zz - xx - yy));
    w[3] = vec4(0.3731763325901154 * z * (2.0 * zz - 3.0 * xx - 3.0 * yy), -0.4570457994644658 * x * (4.0 * zz - xx - yy),
                1.445305721320277 * z * (xx - yy), -0.5900435899266435 * x * (xx - 3.0 * yy));
}
