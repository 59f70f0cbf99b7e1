//! Logits, activations, maps and fields against PyTorch, pytorch-grad-cam and Captum.
//!
//! Needs the reference vectors of `../shared/reference`; the compact ones in this folder are for clones without.

#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

mod check;
#[path = "../common/mod.rs"]
mod common;
mod fields;
mod maps;
mod stack;
mod subject;

use std::path::{Path, PathBuf};

use check::{check, check_all_rectifiers};

/// One test an architecture, so that they run side by side; each goes through all roles, methods and classes.
macro_rules! architectures {
    ($($name:ident),*) => {$(
        #[test]
        fn $name() {
            let Some(shared) = common::shared() else { return };
            let folder = shared.join("reference");
            let file = concat!(stringify!($name), ".safetensors");
            check(stringify!($name), &folder.join(file), &own().join("float64").join(file), &folder.join("cat_dog.png"));
        }
    )*};
}

architectures!(alexnet, vgg16, vgg16_bn, vgg19, resnet18, resnet50, squeezenet1_1, densenet121, densenet161, googlenet);

/// Where the vectors lie that are checked in.
fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference")
}

/// The vectors that are checked in, on the picture that is.
fn check_compact(architecture: &str) {
    let file = |end: &str| own().join(format!("{architecture}{end}.safetensors"));
    check(architecture, &file(""), &file("_float64"), &own().join("picture.png"));
}

#[test]
fn compact_squeezenet1_1() {
    check_compact("squeezenet1_1");
}

#[test]
fn compact_resnet18() {
    check_compact("resnet18");
}

#[test]
fn rectifiers_called_as_functions_follow_the_rule_too() {
    let Some(shared) = common::shared() else { return };
    for architecture in ["densenet121", "googlenet"] {
        let precise = own().join(format!("float64/{architecture}.safetensors"));
        check_all_rectifiers(architecture, &precise, &shared.join("reference/cat_dog.png"));
    }
}
