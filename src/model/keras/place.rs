//! Where a layer stands in a network of networks, and how the two formats of weights name that place.

use std::collections::HashMap;

/// The place of a layer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The names of the networks around it and its own, from the outermost.
    pub names: Vec<String>,
    /// The same as the weights of Keras 3 name them: by class and number, as `conv2d_1`.
    pub containers: Vec<String>,
}

impl Place {
    /// The place of a layer in the network that stands here.
    pub fn within(&self, name: &str, container: String) -> Self {
        let mut place = self.clone();
        place.names.push(name.to_owned());
        place.containers.push(container);
        place
    }

    /// The layer's name with those of the networks around it: `vgg16.block5_conv3`.
    pub fn name(&self) -> String {
        self.names.join(".")
    }

    /// The group of the layer's own tensors in the weights of Keras 3: `layers/functional/layers/conv2d_12/vars`.
    pub fn group(&self) -> String {
        let parts: Vec<String> = self.containers.iter().map(|container| format!("layers/{container}/")).collect();
        format!("{}vars", parts.concat())
    }
}

/// Numbers the layers of one network by class, as the weights of Keras 3 do: `conv2d`, `conv2d_1`, …
#[derive(Debug, Default)]
pub(super) struct Containers {
    used: HashMap<String, usize>,
}

impl Containers {
    /// The name of the next layer of this class.
    pub fn next(&mut self, class: &str) -> String {
        let name = snake_case(class);
        let number = self.used.entry(name.clone()).and_modify(|number| *number += 1).or_insert(0);
        if *number == 0 { name } else { format!("{name}_{number}") }
    }
}

/// `LeakyReLU` → `leaky_re_lu`, in Keras's two rounds: an underscore before a capital that small letters follow, then
/// one between a small letter and a capital.
fn snake_case(class: &str) -> String {
    let letters: Vec<char> = class.chars().filter(|c| c.is_alphanumeric() || *c == '_').collect();
    let mut first = Vec::with_capacity(letters.len() + 8);
    let mut at = 0;
    while at < letters.len() {
        first.push(letters[at]);
        let is_word = |capital: &[char]| capital[0].is_ascii_uppercase() && capital[1].is_ascii_lowercase();
        if letters.get(at + 1..at + 3).is_some_and(is_word) {
            first.extend(['_', letters[at + 1]]);
            at += 2;
            while at < letters.len() && letters[at].is_ascii_lowercase() {
                first.push(letters[at]);
                at += 1;
            }
        } else {
            at += 1;
        }
    }
    let mut name = String::with_capacity(first.len() + 8);
    for (index, letter) in first.iter().enumerate() {
        if index > 0 && first[index - 1].is_ascii_lowercase() && letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_written_as_keras_writes_them() {
        for (class, expected) in [
            ("Conv2D", "conv2d"),
            ("DepthwiseConv2D", "depthwise_conv2d"),
            ("SeparableConv2D", "separable_conv2d"),
            ("Conv2DTranspose", "conv2d_transpose"),
            ("Conv2DFlipout", "conv2d_flipout"),
            ("GlobalAveragePooling2D", "global_average_pooling2d"),
            ("LeakyReLU", "leaky_re_lu"),
            ("PReLU", "p_re_lu"),
            ("ELU", "elu"),
            ("UpSampling2D", "up_sampling2d"),
            ("DenseFlipout", "dense_flipout"),
            ("Functional", "functional"),
        ] {
            assert_eq!(snake_case(class), expected);
        }
    }

    #[test]
    fn layers_of_a_class_are_numbered() {
        let mut containers = Containers::default();
        let names: Vec<String> = ["Conv2D", "ReLU", "Conv2D", "Conv2D"].map(|class| containers.next(class)).into();
        assert_eq!(names, ["conv2d", "re_lu", "conv2d_1", "conv2d_2"]);
        let place = Place::default().within("vgg16", "functional".to_owned()).within("c", "conv2d_1".to_owned());
        assert_eq!(place.name(), "vgg16.c");
        assert_eq!(place.group(), "layers/functional/layers/conv2d_1/vars");
    }
}
