//! Each architecture with torchvision's names and parameter counts.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};

use super::*;

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
