//! Small networks whose description and weights are written here, and what is refused.

#![expect(clippy::needless_pass_by_value, reason = "the literals of the tests read better without references")]

use std::io::Write;

use candle_core::Device;
use hdf5_pure::FileBuilder;
use serde_json::{Value, json};

use crate::model::Model;

/// A layer of weights: its place among its class, and its tensors.
type Tensors<'a> = (&'a str, &'a [&'a [u64]]);

/// A `.keras` archive of a description and weights that are all 0.25.
fn archive(config: &Value, layers: &[Tensors]) -> Vec<u8> {
    let mut file = FileBuilder::new();
    let mut all = file.create_group("layers");
    for (name, tensors) in layers {
        let mut layer = all.create_group(name);
        let mut vars = layer.create_group("vars");
        for (number, shape) in tensors.iter().enumerate() {
            let values = vec![0.25_f32; shape.iter().product::<u64>() as usize];
            vars.create_dataset(&number.to_string()).with_f32_data(&values).with_shape(shape);
        }
        layer.add_group(vars.finish());
        all.add_group(layer.finish());
    }
    file.add_group(all.finish());
    let weights = file.finish().unwrap();
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in [("config.json", config.to_string().as_bytes()), ("model.weights.h5", weights.as_slice())] {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn load(config: &Value, layers: &[Tensors]) -> Result<Model, String> {
    let card = "name = \"n\"\nversion = \"1\"\narchitecture = \"keras\"\nweights = \"n.keras\"\n\
                [input]\nsize = [4, 6]\n[output]\nactivation = \"none\"\n";
    Model::from_parts(card, &archive(config, layers), &Device::Cpu).map_err(|error| error.to_string())
}

fn layer(class: &str, config: Value) -> Value {
    json!({"class_name": class, "config": config})
}

fn sequential(layers: Vec<Value>) -> Value {
    let mut all = vec![layer("InputLayer", json!({"batch_shape": [null, 4, 6, 3], "name": "picture"}))];
    all.extend(layers);
    json!({"class_name": "Sequential", "config": {"name": "s", "layers": all}})
}

fn dense(units: u64) -> Value {
    layer("Dense", json!({"name": "last", "units": units, "activation": "linear"}))
}

/// A layer of a functional network, with the layers that each application of it takes.
fn applied(class: &str, config: Value, calls: &[&[&str]]) -> Value {
    let references = |names: &&[&str]| -> Vec<Value> { names.iter().map(|name| json!([name, 0, 0, {}])).collect() };
    let mut layer = layer(class, config);
    layer["inbound_nodes"] = calls.iter().map(references).collect();
    layer
}

fn functional(layers: Vec<Value>, outputs: Value) -> Value {
    let mut all = vec![layer("InputLayer", json!({"batch_input_shape": [null, 4, 6, 3], "name": "picture"}))];
    all.extend(layers);
    let inputs = json!([["picture", 0, 0]]);
    json!({"class_name": "Functional",
           "config": {"name": "f", "layers": all, "input_layers": inputs, "output_layers": outputs}})
}

#[test]
fn an_unknown_layer_is_named_with_its_class() {
    let config = sequential(vec![layer("CapsuleLayer", json!({"name": "capsules"})), dense(2)]);
    let error = load(&config, &[]).unwrap_err();
    assert!(
        error.contains("The layer `capsules` (CapsuleLayer) cannot be used: this class of layers is not known"),
        "{error}"
    );
}

#[test]
fn weights_that_do_not_fit_are_named_at_once() {
    let conv = layer("Conv2D", json!({"name": "conv", "filters": 2, "kernel_size": [3, 3], "padding": "same"}));
    let config = sequential(vec![conv, layer("Flatten", json!({"name": "flat"})), dense(2)]);
    let fitting: [Tensors; 2] = [("conv2d", &[&[3, 3, 3, 2], &[2]]), ("dense", &[&[48, 2], &[2]])];
    assert_eq!(load(&config, &fitting).unwrap().outputs(), 2);
    let error =
        load(&config, &[("conv2d", &[&[3, 3, 3, 4]]), ("dense", &[&[48, 2], &[2]]), ("dense_1", &[&[5]])]).unwrap_err();
    for part in [
        "missing layers/conv2d/vars/1 (conv/bias)",
        "layers/conv2d/vars/0 (conv/kernel) with shape [3, 3, 3, 4] where [3, 3, 3, 2] is expected",
        "layers/dense_1/vars/0",
    ] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn sizes_beyond_the_file_take_no_memory() {
    for filters in [1_u64 << 20, 1 << 40] {
        let conv = layer(
            "Conv2D",
            json!({"name": "conv", "filters": filters, "kernel_size": [1000, 1000], "padding": "same"}),
        );
        let error = load(&sequential(vec![conv, dense(2)]), &[]).unwrap_err();
        assert!(error.contains("conv"), "{error}");
    }
    let up = layer("UpSampling2D", json!({"name": "up", "size": [1_000_000, 1_000_000]}));
    load(&sequential(vec![up.clone(), layer("Flatten", json!({"name": "flat"})), dense(2)]), &[]).unwrap_err();
}

#[test]
fn a_shared_layer_needs_to_have_no_weights() {
    let relu = applied("ReLU", json!({"name": "relu"}), &[&["picture"], &["pool"]]);
    let pool = applied("MaxPooling2D", json!({"name": "pool"}), &[&["relu"]]);
    let mut last = applied("GlobalMaxPooling2D", json!({"name": "last"}), &[&["relu"]]);
    last["inbound_nodes"][0][0][1] = json!(1);
    let config = functional(vec![relu, pool, last], json!([["last", 0, 0]]));
    let model = load(&config, &[]).unwrap();
    let names: Vec<&str> = model.graph.nodes().iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["input", "relu", "pool", "relu:1", "last.pool", "last.flatten"]);

    let conv = json!({"name": "conv", "filters": 3, "kernel_size": [1, 1]});
    let twice = applied("Conv2D", conv, &[&["picture"], &["conv"]]);
    let mut last = applied("GlobalMaxPooling2D", json!({"name": "last"}), &[&["conv"]]);
    last["inbound_nodes"][0][0][1] = json!(1);
    let config = functional(vec![twice, last], json!([["last", 0, 0]]));
    let error = load(&config, &[("conv2d", &[&[1, 1, 3, 3], &[3]])]).unwrap_err();
    assert!(error.contains("`conv` (Conv2D)") && error.contains("applied 2 times with the same weights"), "{error}");
}

#[test]
fn networks_that_make_no_sense_are_refused() {
    let circle =
        vec![applied("ReLU", json!({"name": "a"}), &[&["b"]]), applied("ReLU", json!({"name": "b"}), &[&["a"]])];
    let pooled = || applied("GlobalMaxPooling2D", json!({"name": "a"}), &[&["picture"]]);
    let cases = [
        (functional(circle, json!([["b", 0, 0]])), "depends on its own output"),
        (functional(vec![pooled()], json!([["a", 0, 0], ["picture", 0, 0]])), "gives 2 outputs"),
        (functional(vec![pooled()], json!([["c", 0, 0]])), "layer c is used but not described"),
        (functional(vec![pooled(), pooled()], json!([["a", 0, 0]])), "two layers are named a"),
        (functional(vec![applied("Add", json!({"name": "a"}), &[])], json!([["a", 0, 0]])), "applied to nothing"),
        (json!({"class_name": "MyModel", "config": {}}), "of the class MyModel"),
        (json!([1]), "names no class"),
        (sequential(vec![]), "has no layers"),
        (sequential(vec![layer("Reshape", json!({"name": "r", "target_shape": [5, 5]}))]), "cannot become [5, 5]"),
        (sequential(vec![layer("ReLU", json!({"name": "r", "threshold": 1.0}))]), "threshold is 1"),
        (sequential(vec![layer("Activation", json!({"name": "r", "activation": "sine"}))]), "activation \"sine\""),
        (sequential(vec![layer("Cropping2D", json!({"name": "c", "cropping": [[2, 2], [0, 0]]}))]), "`c` (Cropping2D)"),
        (
            sequential(vec![layer("MaxPooling2D", json!({"name": "m", "data_format": "channels_first"}))]),
            "channels last",
        ),
    ];
    for (config, part) in cases {
        let error = load(&config, &[]).unwrap_err();
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn both_dialects_name_their_inputs() {
    let tensor = |name: &str| json!({"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}});
    let mut pool = layer("GlobalAveragePooling2D", json!({"name": "pool"}));
    pool["inbound_nodes"] = json!([{"args": [tensor("scaled")], "kwargs": {"mask": null}}]);
    let mut scaled = layer("TrueDivide", json!({"name": "scaled"}));
    scaled["module"] = json!("keras.src.ops.numpy");
    scaled["inbound_nodes"] = json!([{"args": [tensor("shifted"), 127.5], "kwargs": {}}]);
    // Without `module`, as HDF5 files have it, the number tells the function from the layer of the same name.
    let mut shifted = layer("Subtract", json!({"name": "shifted"}));
    shifted["inbound_nodes"] = json!([{"args": [tensor("picture"), 1.0], "kwargs": {}}]);
    let model = load(&functional(vec![shifted, scaled, pool], json!(["pool", 0, 0])), &[]).unwrap();
    assert_eq!([model.layers()[0].op, model.layers()[1].op], ["Sub", "Div"]);
    assert_eq!(model.outputs(), 3);
}
