//! Files that are damaged, hostile, or ask for what is not computed: one sentence each, and never a panic.

use candle_core::Device;
use prost::Message;

use super::proto::*;
use crate::{
    graph::{Control, INPUT, Keep},
    model::{Model, ModelError},
};

const FLOAT: i32 = 1;

fn tensor(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    let (name, dims, float_data) = (name.to_owned(), dims.to_vec(), values.to_vec());
    TensorProto { name, dims, data_type: FLOAT, float_data, ..TensorProto::default() }
}

fn ints(name: &str, values: &[i64]) -> TensorProto {
    let (name, dims, int64_data) = (name.to_owned(), vec![values.len() as i64], values.to_vec());
    TensorProto { name, dims, data_type: 7, int64_data, ..TensorProto::default() }
}

fn node(op: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        name: format!("/{output}/{op}"),
        op_type: op.to_owned(),
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        ..NodeProto::default()
    }
}

fn with_ints(mut node: NodeProto, name: &str, ints: &[i64]) -> NodeProto {
    node.attribute.push(AttributeProto { name: name.to_owned(), ints: ints.to_vec(), ..AttributeProto::default() });
    node
}

fn with_int(mut node: NodeProto, name: &str, i: i64) -> NodeProto {
    node.attribute.push(AttributeProto { name: name.to_owned(), i, ..AttributeProto::default() });
    node
}

fn value(name: &str, dims: &[i64]) -> ValueInfoProto {
    let dim = dims.iter().map(|&length| DimensionProto { dim_value: Some(length), dim_param: None }).collect();
    let shape = Some(TensorShapeProto { dim });
    let tensor_type = Some(TensorTypeProto { elem_type: FLOAT, shape });
    ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { tensor_type }) }
}

/// Convolution, global pooling, dense layer.
fn small() -> ModelProto {
    let weight: Vec<f32> = (0..54).map(|i| (i % 7) as f32 * 0.1 - 0.3).collect();
    let graph = GraphProto {
        node: vec![
            node("Conv", &["x", "features.0.weight"], "c"),
            node("Relu", &["c"], "r"),
            node("GlobalAveragePool", &["r"], "p"),
            node("Flatten", &["p"], "f"),
            node("Gemm", &["f", "fc"], "y"),
        ],
        initializer: vec![
            tensor("features.0.weight", &[2, 3, 3, 3], &weight),
            tensor("fc", &[2, 2], &[0.5, -0.5, 0.25, 0.75]),
        ],
        input: vec![value("x", &[0, 3, 8, 8])],
        output: vec![value("y", &[0, 2])],
    };
    ModelProto {
        ir_version: 8,
        producer_name: "test".to_owned(),
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 13 }],
    }
}

const CARD: &str =
    "name = \"n\"\nversion = \"1\"\narchitecture = \"onnx\"\nweights = \"w.onnx\"\n[input]\nsize = [8, 8]\n";

fn load(model: &ModelProto) -> Result<Model, ModelError> {
    Model::from_parts(CARD, &model.encode_to_vec(), &Device::Cpu)
}

/// The file after a change of its graph.
fn changed(change: impl FnOnce(&mut GraphProto)) -> ModelProto {
    let mut model = small();
    change(model.graph.as_mut().unwrap());
    model
}

/// The small network with one more node before its output.
fn with_node(node: NodeProto, tensors: Vec<TensorProto>) -> ModelProto {
    changed(|graph| {
        let output = node.output[0].clone();
        graph.node.push(node);
        graph.initializer.extend(tensors);
        graph.output = vec![value(&output, &[])];
    })
}

#[test]
fn a_small_file_becomes_a_network() {
    let model = load(&small()).unwrap();
    let ops: Vec<&str> = model.layers().iter().map(|layer| layer.op).collect();
    assert_eq!(ops, ["Conv2d", "ReLU", "AdaptiveAvgPool2d", "Flatten", "Linear"]);
    assert_eq!((model.outputs(), model.default_layer()), (2, "r"));
    for name in ["c", "/c/Conv", "x"] {
        assert!(model.graph.find(name).is_some(), "{name}");
    }
    // Any batch, although shapes were computed for one.
    let input = candle_core::Tensor::ones((3, 3, 8, 8), candle_core::DType::F32, &Device::Cpu).unwrap();
    let trace =
        model.graph.run(&[(INPUT, input)], model.graph.output(), &Keep::nothing(), &Control::default()).unwrap();
    assert_eq!(trace.target().dims(), [3, 2]);
}

#[test]
fn what_cannot_be_used_is_said_in_one_sentence() {
    let cases: Vec<(ModelProto, &[&str])> = vec![
        (with_node(node("Einsum", &["y"], "z"), vec![]), &["/z/Einsum", "Einsum", "opset 13", "does not know"]),
        (
            with_node(NodeProto { domain: "com.microsoft".to_owned(), ..node("FusedConv", &["y"], "z") }, vec![]),
            &["com.microsoft:FusedConv"],
        ),
        (with_node(node("Relu", &["nothing"], "z"), vec![]), &["`/z/Relu`", "`nothing`"]),
        (changed(|graph| graph.node[0].input[0] = "r".to_owned()), &["depends on its own output"]),
        (changed(|graph| graph.initializer.truncate(1)), &["`fc`", "/y/Gemm"]),
        (
            changed(|graph| graph.initializer[0].dims = vec![1 << 40, 1 << 40, 3, 3]),
            &["features.0.weight", "impossible"],
        ),
        (changed(|graph| graph.initializer[0].dims[0] = -2), &["features.0.weight", "impossible"]),
        (changed(|graph| graph.initializer[0].dims[0] = 3), &["54 numbers", "needs 81"]),
        (changed(|graph| graph.initializer[0].data_type = 8), &["data type 8"]),
        (changed(|graph| graph.input.push(value("other", &[1]))), &["x, other"]),
        (changed(|graph| graph.input[0] = value("x", &[0, 3, 16, 8])), &["`input.size`", "[16, 8]"]),
        (changed(|graph| graph.input[0] = value("x", &[0, 1, 8, 8])), &["`input.channels`", "expected 1"]),
        (changed(|graph| graph.input[0] = value("x", &[0, 3, 8])), &["3 dimensions"]),
        (changed(|graph| graph.output.clear()), &["output is missing"]),
        (changed(|graph| graph.output[0] = value("fc", &[])), &["output"]),
        (changed(|graph| graph.output[0] = value("x", &[])), &["output"]),
        (
            changed(|graph| graph.node[0] = with_ints(graph.node[0].clone(), "pads", &[1 << 40, 0, 0, 0])),
            &["/c/Conv", "pads"],
        ),
        (changed(|graph| graph.node[0] = with_ints(graph.node[0].clone(), "strides", &[0, 1])), &["strides"]),
        (changed(|graph| graph.node[0] = with_int(graph.node[0].clone(), "group", 2)), &["/c/Conv"]),
        (
            with_node(with_ints(node("Pad", &["r"], "z"), "pads", &[0, 0, 9_000_000, 9_000_000, 0, 0, 0, 0]), vec![]),
            &["/z/Pad", "too large"],
        ),
        (with_node(node("Reshape", &["y", "s"], "z"), vec![ints("s", &[2, -1])]), &["mixes pictures"]),
        (with_node(node("Reshape", &["y", "s"], "z"), vec![ints("s", &[0, 5])]), &["/z/Reshape"]),
        (
            with_node(node("ConstantOfShape", &["s"], "z"), vec![ints("s", &[1 << 20, 1 << 20])]),
            &["/z/ConstantOfShape", "too large"],
        ),
        (with_node(node("Equal", &["y", "y"], "z"), vec![]), &["depend on the picture"]),
        (with_node(with_int(node("Cast", &["y"], "z"), "to", 7), vec![]), &["/z/Cast", "data type 7"]),
        (ModelProto { opset_import: vec![], ..small() }, &["operators"]),
        (
            ModelProto { opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 6 }], ..small() },
            &["opset 6", "7 to"],
        ),
        (ModelProto { graph: None, ..small() }, &["no graph"]),
    ];
    for (model, words) in cases {
        let message = load(&model).unwrap_err().to_string();
        for word in words {
            assert!(message.contains(word), "{word} is not in: {message}");
        }
        assert!(!message.contains('\n'), "{message}");
    }
    let flipout = CARD.replace("[input]", "[output]\nhead = \"flipout\"\n[input]");
    let message = Model::from_parts(&flipout, &small().encode_to_vec(), &Device::Cpu).unwrap_err().to_string();
    assert!(message.contains("output.head"), "{message}");
}

#[test]
fn tensors_in_other_files_must_lie_beside() {
    let entry = |key: &str, value: &str| StringStringEntryProto { key: key.to_owned(), value: value.to_owned() };
    let file = |location: &str, length: &str| {
        changed(|graph| {
            let tensor = &mut graph.initializer[1];
            tensor.float_data.clear();
            tensor.data_location = 1;
            tensor.external_data = vec![entry("location", location), entry("offset", "4"), entry("length", length)];
        })
    };
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("model");
    std::fs::create_dir(&inside).unwrap();
    let bytes: Vec<u8> = [9.0_f32, 0.5, -0.5, 0.25, 0.75].iter().flat_map(|value| value.to_le_bytes()).collect();
    std::fs::write(inside.join("w.data"), &bytes).unwrap();
    std::fs::write(folder.path().join("w.data"), &bytes).unwrap();
    let beside = |model: &ModelProto| {
        std::fs::write(inside.join("model.toml"), CARD).unwrap();
        std::fs::write(inside.join("w.onnx"), model.encode_to_vec()).unwrap();
        Model::load(&inside, &Device::Cpu)
    };
    let plain = beside(&small()).unwrap();
    let external = beside(&file("w.data", "16")).unwrap();
    let fc = |model: &Model| {
        let (_, weight) = model.graph.nodes()[model.graph.output()].op.weights()[0];
        weight.flatten_all().unwrap().to_vec1::<f32>().unwrap()
    };
    assert_eq!(fc(&plain), fc(&external));
    std::fs::write(inside.join("w.data"), [bytes.as_slice(), &[0]].concat()).unwrap();
    assert_ne!(
        external.weights_sha256,
        beside(&file("w.data", "16")).unwrap().weights_sha256,
        "its data is part of a model"
    );
    for (location, length, words) in [
        ("../w.data", "16", "not beside"),
        ("/etc/hostname", "16", "not beside"),
        ("absent.data", "16", "cannot be read"),
        ("w.data", "400", "beyond the end"),
        ("w.data", "8", "2 numbers"),
        ("w.data", "18446744073709551615", "beyond the end"),
    ] {
        let message = beside(&file(location, length)).unwrap_err().to_string();
        assert!(message.contains(words), "{words} is not in: {message}");
    }
    let message = load(&file("w.data", "16")).unwrap_err().to_string();
    assert!(message.contains("no folder"), "{message}");
}

/// Each byte of a file in turn changed, and the file cut off at each place: an error or a network, never a panic.
#[test]
fn damaged_files_never_panic() {
    let reshaped = with_node(
        with_ints(node("Slice", &["y", "start", "end"], "z"), "unused", &[1, 2]),
        vec![ints("start", &[0, 0]), ints("end", &[i64::MAX, 1])],
    );
    let bytes = reshaped.encode_to_vec();
    assert!(Model::from_parts(CARD, &bytes, &Device::Cpu).is_ok());
    let mut refused = 0;
    for place in 0..bytes.len() {
        for change in [0x01, 0x80, 0xFF] {
            let mut damaged = bytes.clone();
            damaged[place] ^= change;
            refused += usize::from(Model::from_parts(CARD, &damaged, &Device::Cpu).is_err());
        }
        refused += usize::from(Model::from_parts(CARD, &bytes[..place], &Device::Cpu).is_err());
    }
    assert!(refused > bytes.len(), "only {refused} of {} damages were seen", 4 * bytes.len());
}
