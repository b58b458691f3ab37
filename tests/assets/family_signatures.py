"""Names and shapes of what each family publishes, with its decoder, as a file or two would hold it."""

from __future__ import annotations

Shapes = dict[str, tuple[int, ...]]


def layers(before: str, sizes: dict[int, tuple[int, int]], biases: bool = True) -> Shapes:
    """Linear layers (out,in) by their numbers, with biases."""
    found: Shapes = {}
    for index, size in sizes.items():
        found[f"{before}{index}.weight"] = size
        if biases:
            found[f"{before}{index}.bias"] = size[:1]
    return found


def chain(before: str, widths: tuple[int, ...], step: int = 2, biases: bool = True) -> Shapes:
    """Layers numbered 0, step, … from the first width to the last."""
    sizes = {step * i: (widths[i + 1], widths[i]) for i in range(len(widths) - 1)}
    return layers(before, sizes, biases)


def modulated(before: str, sizes: list[tuple[int, int]]) -> Shapes:
    """Layers of GET3D."""
    found: Shapes = {}
    for index, (out, width) in enumerate(sizes):
        name = f"{before}.layers.{index}."
        found |= {f"{name}weight": (out, width), f"{name}bias": (out,), f"{name}affine.weight": (width, 512)}
        found[f"{name}affine.bias"] = (width,)
    return found


GET3D = [(32, 32), (32, 32), (32, 32)]

SIGNATURES: dict[str, tuple[Shapes, Shapes]] = {
    "TripoSR": (
        {"scene_codes": (1, 3, 40, 64, 64)},
        chain("decoder.layers.", (120, *(64,) * 9, 4)) | {"tokenizer.embeddings": (3, 1024, 32, 32)},
    ),
    "EG3D": (
        {"planes": (1, 96, 256, 256)},
        chain("decoder.net.", (32, 64, 33)) | {"backbone.synthesis.b4.const": (512, 4, 4)},
    ),
    "OpenLRM": (
        {"planes": (1, 3, 32, 64, 64)},
        chain("synthesizer.decoder.net.", (96, 64, 64, 64, 4)) | {"upsampler.weight": (512, 32, 2, 2)},
    ),
    "Tailor3D": (
        {"planes": (1, 3, 32, 64, 64)},
        chain("synthesizer.decoder.net.", (96, 64, 64, 64, 4)) | {"front_back_conv.0.weight": (32, 64, 3, 3)},
    ),
    "InstantMesh NeRF": (
        {"planes": (1, 3, 40, 64, 64)},
        chain("lrm_generator.synthesizer.decoder.net.", (120, 64, 64, 64, 4)),
    ),
    "InstantMesh": (
        {"planes": (1, 3, 40, 64, 64)},
        chain("lrm_generator.synthesizer.decoder.net_sdf.", (120, 64, 64, 64, 1))
        | chain("lrm_generator.synthesizer.decoder.net_rgb.", (120, 64, 64, 64, 3)),
    ),
    "CRM": (
        {"triplane_feature2": (1, 32, 256, 768)},
        {
            "sdfMlp.fc1.weight": (512, 32),
            "sdfMlp.fc1.bias": (512,),
            "sdfMlp.fc2.weight": (512, 512),
            "sdfMlp.fc2.bias": (512,),
            "sdfMlp.fc3.weight": (4, 512),
            "sdfMlp.fc3.bias": (4,),
            "rgbMlp.fc1.weight": (512, 32),
            "rgbMlp.fc1.bias": (512,),
            "rgbMlp.fc2.weight": (512, 512),
            "rgbMlp.fc2.bias": (512,),
            "rgbMlp.fc3.weight": (3, 512),
            "rgbMlp.fc3.bias": (3,),
            "unet2.learned_plane": (1, 20, 256, 768),
        },
    ),
    "TriplaneTurbo": (
        {"space_cache": (1, 6, 32, 256, 256)},
        chain("state_dict.geometry.sdf_network.layers.", (32, 64, 64, 1), biases=False)
        | chain("state_dict.geometry.feature_network.layers.", (96, 64, 64, 3), biases=False)
        | chain("state_dict.geometry.deformation_network.layers.", (32, 64, 64, 3), biases=False)
        | {"state_dict.geometry.bbox": (2, 3)},
    ),
    "Direct3D": (
        {"planes": (1, 3, 32, 256, 256)},
        chain("vae.occ_decoder.net.", (96, 64, 64, 64, 64, 1)),
    ),
    "BlockFusion": (
        {"triplane": (2, 3, 32, 128, 128), "plane_axes": (3, 3, 3)},
        {
            f"lin{i}.{name}": shape
            for i, (out, width) in enumerate(((128, 32), (128, 128), (128, 128), (1, 128)))
            for name, shape in (("weight_g", (out, 1)), ("weight_v", (out, width)), ("bias", (out,)))
        },
    ),
    "DiffTF": (
        {"triplane": (1, 18, 256, 256)},
        {
            f"network_fn_state_dict.{name}.{part}": size if part == "weight" else size[:1]
            for name, size in {
                "pts_linears.0": (128, 18),
                "views_linears.0": (128, 191),
                "feature_linear": (128, 128),
                "alpha_linear": (1, 128),
                "rgb_linear": (3, 128),
            }.items()
            for part in ("weight", "bias")
        },
    ),
    "HexPlane": (
        {
            f"{kind}_{part}.{i}": shape
            for kind, channels in (("density", 24), ("app", 48))
            for i in range(3)
            for part, shape in (("plane", (1, channels, 200, 200)), ("line_time", (1, channels, 200, 48)))
        },
        {"density_basis_mat.weight": (1, 72), "app_basis_mat.weight": (27, 144), "aabb": (2, 3)}
        | chain("app_regressor.mlp.", (150, 128, 128, 3)),
    ),
    "NFD": (
        {f"embeddings.{i}": (1, 32, 128, 128) for i in range(3)},
        {"net.0._B": (32, 64)} | layers("net.", {1: (128, 128), 3: (128, 128), 5: (1, 128)}),
    ),
    "MTN": (
        {f"model.encoder.plane_{k}.{i}": (1, 32, r, r) for k, r in ((2, 128), (3, 64), (4, 32)) for i in range(3)}
        | {f"model.encoder.vector_1.{i}": (1, 32, 256, 1) for i in range(3)},
        {"model.encoder.net1.0._B": (32, 16)} | chain("model.sigma_net.net.", (32, 64, 64, 4), step=1),
    ),
    "Sin3DM": (
        {"feat_xy": (12, 96, 128), "feat_xz": (12, 96, 64), "feat_yz": (12, 128, 64)},
        {
            "net.geo_encoder.weight": (4, 1, 4, 4, 4),
            "net.geo_convs.in_layers.0.weight": (192, 4, 5, 5),
            "net.geo_convs.norm_xy.weight": (64,),
            "aabb": (6,),
        }
        | chain("net.geo_decoder.first_layers.", (64, 256, 256, 256))
        | chain("net.geo_decoder.second_layers.", (320, 256, 1)),
    ),
    "TriNeRFLet": (
        {
            "model.encoder.planes_features": (3, 16, 16, 16),
            "model.encoder.planes_features_wavelet_coefs.0": (3, 16, 3, 16, 16),
        },
        chain("model.sigma_net.", (48, 64, 16), step=1, biases=False)
        | chain("model.color_net.", (31, 64, 64, 3), step=1, biases=False),
    ),
    "RodinHD": (
        {"": (3, 1, 32, 512, 512)},
        chain("model.sigma_net.", (40, 128, 129)) | chain("model.color_net.", (263, 128, 128, 3), step=1, biases=False),
    ),
    "GET3D": (
        {
            "sdf_feature": (1, 96, 256, 256),
            "tex_feature": (1, 96, 256, 256),
            "ws_geo": (1, 22, 512),
            "ws_tex": (1, 9, 512),
        },
        modulated("G_ema.synthesis.generator.mlp_synthesis_sdf", [*GET3D, (1, 32)])
        | modulated("G_ema.synthesis.generator.mlp_synthesis_tex", [*GET3D, (16, 32)])
        | {"G_ema.synthesis.generator.tri_plane_synthesis.b4.const": (512, 4, 4)},
    ),
    "Hyper3D": (
        {"triplane": (1, 3, 32, 128, 128), "grid": (1, 16, 32, 32, 32)},
        chain("decoder.layers.", (112, 64, 64, 1)),
    ),
    "DynamicCity": (
        {"rollout": (1, 16, 76, 76)},
        {"model_state_dict.decoder.conv_block.in_layers_h.weight": (192, 16, 3, 3)},
    ),
    "TPVFormer": (
        {"0": (1, 10000, 128), "1": (1, 800, 128), "2": (1, 800, 128)},
        {"tpv_aggregator.classifier.weight": (18, 128), "tpv_aggregator.classifier.bias": (18,)}
        | layers("tpv_aggregator.decoder.", {0: (256, 128), 2: (128, 256)}),
    ),
    "Tri-MipRF": (
        {"model.field.encoding.fm": (3, 512, 512, 16)},
        {"model.field.mlp_base.params": (26624,), "model.field.mlp_head.params": (55296,), "model.aabb": (6,)},
    ),
    "K-Planes": (
        {
            f"model.field.grids.{scale}.{i}": (1, 32, size, size)
            for scale, size in enumerate((128, 256, 512))
            for i in range(3)
        },
        {"model.field.sigma_net.params": (7168,), "model.field.color_net.params": (7168,), "model.field.aabb": (2, 3)},
    ),
    "SSDNeRF": (
        {"param.code_": (3, 6, 128, 128), "param.density_grid": (64, 64, 64)},
        layers("state_dict.decoder_ema.base_net.", {0: (64, 18)})
        | layers("state_dict.decoder_ema.density_net.", {0: (1, 64)})
        | layers("state_dict.decoder_ema.dir_net.", {0: (64, 16)})
        | layers("state_dict.decoder_ema.color_net.", {0: (3, 64)}),
    ),
    "Unibo tri-planes": (
        {"triplane": (3, 16, 32, 32), "params": (17665,), "vertices": (4000, 3), "triangles": (8000, 3)},
        {},
    ),
    "6Img-to-3D": (
        {"plane_zh": (16, 200, 128), "plane_hw": (200, 200, 128), "plane_zw": (16, 200, 128)},
        {"ttp.decoder_net.params": (83968,)},
    ),
    "AvatarArtist": (
        {"triplane": (1, 3, 32, 256, 256)},
        chain("decoder.net.", (32, 64, 33)) | {"texture_backbone.synthesis.b4.const": (512, 4, 4)},
    ),
    "LRM": (
        {"planes": (1, 3, 16, 64, 64)},
        chain("nerf_mlp.", (48, 64, 64, 64, 64, 4)),
    ),
    "GTR": (
        {"planes": (1, 3, 40, 256, 256)},
        chain("field.decoder.field.mlp_sigma.layers.", (120, 64, 64, 1))
        | chain("field.decoder.field.mlp_color.layers.", (120, 64, 64, 64, 3)),
    ),
    "Instant3D": (
        {"planes": (1, 96, 128, 128)},
        chain("decoder.net.", (32, 64, 4)),
    ),
}
