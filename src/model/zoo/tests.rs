//! Each architecture with torchvision's names and parameter counts.

mod composed;

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};

use super::*;

/// Tensors of zeros with these names and shapes.
fn zeros(shapes: &[(&str, &[usize])]) -> Weights {
    let tensor = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    let tensors = shapes.iter().map(|(name, shape)| ((*name).to_owned(), tensor(shape))).collect();
    Weights::from_tensors(tensors, "zeros")
}

/// Weights that hold nothing: every layer gets its usual width.
fn usual() -> Weights {
    Weights::from_tensors(HashMap::new(), "none")
}

#[test]
fn parameter_counts_are_torchvisions() {
    let expected = [
        ("alexnet", 61_100_840),
        ("vgg11", 132_863_336),
        ("vgg11_bn", 132_868_840),
        ("vgg13", 133_047_848),
        ("vgg13_bn", 133_053_736),
        ("vgg16", 138_357_544),
        ("vgg16_bn", 138_365_992),
        ("vgg19", 143_667_240),
        ("vgg19_bn", 143_678_248),
        ("resnet18", 11_689_512),
        ("resnet34", 21_797_672),
        ("resnet50", 25_557_032),
        ("resnet101", 44_549_160),
        ("resnet152", 60_192_808),
        ("resnext50_32x4d", 25_028_904),
        ("resnext101_32x8d", 88_791_336),
        ("resnext101_64x4d", 83_455_272),
        ("wide_resnet50_2", 68_883_240),
        ("wide_resnet101_2", 126_886_696),
        ("squeezenet1_0", 1_248_424),
        ("squeezenet1_1", 1_235_496),
        ("densenet121", 7_978_856),
        ("densenet161", 28_681_000),
        ("densenet169", 14_149_480),
        ("densenet201", 20_013_928),
        ("googlenet", 6_624_904),
        ("inception_v3", 23_834_568),
        ("mobilenet_v2", 3_504_872),
        ("mobilenet_v3_small", 2_542_856),
        ("mobilenet_v3_large", 5_483_032),
        ("efficientnet_b0", 5_288_548),
        ("efficientnet_b1", 7_794_184),
        ("efficientnet_b2", 9_109_994),
        ("efficientnet_b3", 12_233_232),
        ("efficientnet_b4", 19_341_616),
        ("efficientnet_b5", 30_389_784),
        ("efficientnet_b6", 43_040_704),
        ("efficientnet_b7", 66_347_960),
        ("mrnet", 2_469_696 + 257),
    ];
    assert_eq!(expected.map(|(name, _)| name).to_vec(), ZOO.iter().map(|a| a.name).collect::<Vec<_>>());
    for (name, count) in expected {
        let graph = (find(name).unwrap().build)(&mut usual()).unwrap();
        assert_eq!(graph.parameters(), count, "{name}");
    }
}

#[test]
fn every_architecture_takes_its_usual_and_another_input_size() {
    for architecture in ZOO {
        let graph = (architecture.build)(&mut usual()).unwrap();
        for size in [224, 259] {
            let shapes = graph.shapes(&[2, 3, size, size]).unwrap();
            let classes = if architecture.stack { vec![1, 1] } else { vec![2, 1000] };
            assert_eq!(shapes[graph.output()], classes, "{} at {size}", architecture.name);
        }
        assert_eq!(graph.is_stack(), architecture.stack);
    }
}

#[test]
fn modules_are_aliases_of_their_last_node() {
    let graph = (find("resnet50").unwrap().build)(&mut usual()).unwrap();
    assert_eq!(graph.find("layer4"), graph.find("layer4.2.relu3"));
    assert_eq!(graph.find("layer4.0.relu"), graph.find("layer4.0.relu3"));
    let graph = (find("squeezenet1_1").unwrap().build)(&mut usual()).unwrap();
    assert_eq!(graph.find("features.12"), graph.find("features.12.cat"));
    assert_eq!(graph.find("features"), graph.find("features.12"));
    assert_eq!(graph.find("layer9"), None);
}

#[test]
fn narrow_variants_and_class_counts_follow_from_the_weights() {
    let shapes: [(&str, &[usize]); 2] = [("features.0", &[8, 1, 3, 3]), ("classifier.6", &[7, 4096])];
    let mut tensors = HashMap::new();
    for (name, shape) in shapes {
        let tensor = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
        tensors.insert(format!("{name}.weight"), tensor(shape));
        tensors.insert(format!("{name}.bias"), tensor(&shape[..1]));
    }
    let mut weights = Weights::from_tensors(tensors, "narrow");
    let graph = (find("vgg16").unwrap().build)(&mut weights).unwrap();
    let shapes = graph.shapes(&[1, 1, 64, 64]).unwrap();
    assert_eq!(shapes[graph.find("features.0").unwrap()], [1, 8, 64, 64]);
    assert_eq!(shapes[graph.output()], [1, 7]);
    let message = weights.finish().unwrap_err().to_string();
    assert!(message.contains("missing features.2.weight") && !message.contains("features.0."), "{message}");
}

#[test]
fn a_residual_branch_of_another_width_is_reported_by_name() {
    let tensor = Tensor::zeros((48, 64, 3, 3), DType::F32, &Device::Cpu).unwrap();
    let tensors = HashMap::from([("layer1.0.conv2.weight".to_owned(), tensor)]);
    let mut weights = Weights::from_tensors(tensors, "odd");
    (find("resnet18").unwrap().build)(&mut weights).unwrap().shapes(&[1, 3, 64, 64]).unwrap();
    let message = weights.finish().unwrap_err().to_string();
    assert!(
        message.contains("layer1.0.conv2.weight with shape [48, 64, 3, 3] where [64, 64, 3, 3] is expected"),
        "{message}"
    );
}

#[test]
fn new_families_name_their_modules_as_torchvision_does() {
    for (architecture, module, node) in [
        ("densenet121", "features.denseblock2", "features.denseblock2.cat"),
        ("densenet121", "features.denseblock2.denselayer3", "features.denseblock2.denselayer3.conv2"),
        ("densenet121", "features.norm5", "features.norm5.relu"),
        ("densenet121", "features", "features.norm5.relu"),
        ("googlenet", "inception4c", "inception4c.cat"),
        ("googlenet", "conv2", "conv2.relu"),
        ("inception_v3", "Mixed_7c", "Mixed_7c.cat"),
        ("mobilenet_v2", "features.3", "features.3.add"),
        ("mobilenet_v2", "features.2", "features.2.conv.3"),
        ("mobilenet_v3_large", "features.4.block.2", "features.4.block.2.mul"),
        ("mobilenet_v3_large", "features.5", "features.5.add"),
        ("efficientnet_b0", "features.3", "features.3.1.add"),
    ] {
        let graph = (find(architecture).unwrap().build)(&mut usual()).unwrap();
        assert_eq!(graph.find(module), graph.find(node), "{architecture} {module}");
        assert!(graph.find(node).is_some(), "{architecture} {node}");
    }
}

#[test]
fn tensors_of_old_densenet_files_get_their_names_of_today() {
    let mut weights = zeros(&[
        ("features.denseblock1.denselayer1.norm.1.weight", &[64]),
        ("features.denseblock1.denselayer1.conv.2.weight", &[32, 128, 3, 3]),
        ("features.transition1.norm.weight", &[256]),
    ]);
    (find("densenet121").unwrap().build)(&mut weights).unwrap();
    assert_eq!(weights.names(), Vec::<&str>::new());
}

#[test]
fn classifiers_for_training_only_are_left_out_with_a_note() {
    for (architecture, tensors) in [
        ("googlenet", &["aux1.conv.conv.weight", "aux2.fc2.bias"][..]),
        ("inception_v3", &["AuxLogits.conv0.conv.weight", "AuxLogits.fc.bias"][..]),
    ] {
        let shapes: Vec<(&str, &[usize])> = tensors.iter().map(|name| (*name, &[1][..])).collect();
        let mut weights = zeros(&shapes);
        (find(architecture).unwrap().build)(&mut weights).unwrap();
        assert!(weights.names().is_empty(), "{:?}", weights.names());
        let note = weights.notes().join(" ");
        let module = tensors[0].split('.').next().unwrap();
        assert!(note.contains("training only") && note.contains(module), "{note}");
    }
}

/// The output's shape and its name, or why there is none.
fn head_of(architecture: &str, shapes: &[(&str, &[usize])]) -> Result<(usize, String, Vec<String>), String> {
    let mut weights = zeros(shapes);
    let graph = (find(architecture).unwrap().build)(&mut weights).map_err(|error| error.to_string())?;
    let shapes = graph.shapes(&[1, 3, 224, 224]).unwrap();
    let output = graph.output();
    Ok((shapes[output][1], graph.nodes()[output].name.clone(), weights.notes().to_vec()))
}

#[test]
fn heads_that_fine_tuning_has_put_in_place_are_found() {
    type Shapes<'a> = &'a [(&'a str, &'a [usize])];
    let cases: [(&str, Shapes, usize, &str, bool); 9] = [
        ("resnet18", &[("fc.weight", &[7, 512]), ("fc.bias", &[7])], 7, "fc", false),
        ("resnet18", &[("fc.1.weight", &[7, 512]), ("fc.1.bias", &[7])], 7, "fc.1", true),
        ("resnet18", &[("fc.0.weight", &[64, 512]), ("fc.1.weight", &[7, 64])], 7, "fc.1", false),
        ("densenet121", &[("classifier.weight", &[2, 1024])], 2, "classifier", false),
        ("mobilenet_v2", &[("classifier.1.weight", &[7, 1280])], 7, "classifier.1", false),
        ("efficientnet_b0", &[("classifier.weight", &[3, 1280])], 3, "classifier", false),
        ("mobilenet_v3_small", &[("classifier.3.weight", &[7, 1024])], 7, "classifier.3", false),
        ("vgg16", &[("classifier.6.weight", &[7, 4096])], 7, "classifier.6", false),
        ("vgg16", &[("classifier.weight", &[7, 25088])], 7, "classifier", false),
    ];
    for (architecture, shapes, classes, name, noted) in cases {
        let (found, output, notes) = head_of(architecture, shapes).unwrap();
        assert_eq!((found, output.as_str()), (classes, name), "{architecture}");
        assert_eq!(!notes.is_empty(), noted, "{architecture}: {notes:?}");
    }
}

#[test]
fn heads_that_weights_do_not_determine_are_refused_with_what_to_do() {
    for (architecture, shapes, words) in [
        ("resnet18", &[("fc.0.weight", &[64, 512][..]), ("fc.3.weight", &[7, 64])][..], "fc.0, fc.3"),
        (
            "resnet18",
            &[("fc.0.weight", &[64, 512][..]), ("fc.1.weight", &[64]), ("fc.2.weight", &[7, 64])],
            "fc.1.weight",
        ),
        (
            "mobilenet_v2",
            &[("classifier.1.weight", &[64, 1280][..]), ("classifier.4.weight", &[7, 64])],
            "classifier.4",
        ),
        ("alexnet", &[("classifier.1.weight", &[64, 9216][..]), ("classifier.5.weight", &[7, 64])], "classifier.5"),
    ] {
        let message = head_of(architecture, shapes).unwrap_err();
        assert!(message.contains(words) && message.contains("ONNX"), "{message}");
        assert!(!message.contains('\n'), "{message}");
    }
}

#[test]
fn a_narrow_mobile_net_keeps_each_sum_that_torchvision_has() {
    // At a quarter of the width the first block has as many channels before as after, so torchvision adds its input.
    let mut weights = zeros(&[("features.0.0.weight", &[8, 3, 3, 3]), ("features.1.conv.1.weight", &[8, 8, 1, 1])]);
    let graph = (find("mobilenet_v2").unwrap().build)(&mut weights).unwrap();
    assert!(graph.find("features.1.add").is_some());
    assert!((find("mobilenet_v2").unwrap().build)(&mut usual()).unwrap().find("features.1.add").is_none());
}
