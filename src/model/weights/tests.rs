//! The weight readers against files that torch wrote, and against damaged ones.

use std::{collections::BTreeMap, fs, path::PathBuf};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Expected {
    shape: Vec<usize>,
    values: Vec<f32>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/weights")
}

fn file(name: &str) -> Vec<u8> {
    fs::read(folder().join(name)).unwrap()
}

fn read(name: &str) -> Result<Weights, ModelError> {
    Weights::read(&file(name), name, &Device::Cpu)
}

fn refusal(bytes: &[u8]) -> String {
    Weights::read(bytes, "file", &Device::Cpu).unwrap_err().to_string()
}

fn assert_holds(name: &str, key: &str) -> Weights {
    let expected = file("expected.json");
    let expected: BTreeMap<String, BTreeMap<String, Expected>> = serde_json::from_slice(&expected).unwrap();
    let weights = read(name).unwrap();
    let names: Vec<&str> = expected[key].keys().map(String::as_str).collect();
    assert_eq!(weights.names(), names, "{name}");
    for (tensor, expected) in &expected[key] {
        let found = weights.get(tensor).unwrap();
        assert_eq!(found.dims(), expected.shape, "{name}: {tensor}");
        assert_eq!(found.flatten_all().unwrap().to_vec1::<f32>().unwrap(), expected.values, "{name}: {tensor}");
    }
    weights
}

#[test]
fn state_dicts_of_every_format_hold_what_torch_says() {
    for name in ["state_zip.pth", "state_legacy.pt", "state.safetensors"] {
        assert!(assert_holds(name, "state").notes().is_empty(), "{name}");
    }
    for name in ["parameters_zip.pth", "parameters_legacy.pt"] {
        assert_holds(name, "parameters");
    }
}

#[test]
fn the_state_dict_of_a_checkpoint_is_found_and_that_is_noted() {
    for name in ["checkpoint_zip.pth", "checkpoint_legacy.pt"] {
        let weights = assert_holds(name, "checkpoint");
        let notes = weights.notes().join(" ");
        assert!(notes.contains("`model_state_dict`") && notes.contains("`module.`"), "{name}: {notes}");
    }
}

#[test]
fn a_whole_module_is_refused_with_what_to_do() {
    for name in ["module_zip.pth", "module_legacy.pt"] {
        let message = read(name).unwrap_err().to_string();
        assert!(message.contains("whole pickled object") && message.contains("state_dict()"), "{name}: {message}");
    }
}

#[test]
fn other_files_are_named() {
    let mut tar = vec![0; 600];
    tar[257..262].copy_from_slice(b"ustar");
    for (bytes, word) in [
        (&b""[..], "empty"),
        (b"\x89HDF\r\n\x1a\nxxxxxxxx", "HDF5"),
        (&tar, "tar archive"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        (b"\x80\x02}q\0.", "not of torch.save"),
        (b"hello, hello, hello", "neither"),
    ] {
        let message = refusal(bytes);
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn truncation_at_every_length_is_an_error() {
    for name in ["state_zip.pth", "state_legacy.pt", "checkpoint_legacy.pt", "state.safetensors"] {
        let bytes = file(name);
        for length in 0..bytes.len() {
            assert!(Weights::read(&bytes[..length], name, &Device::Cpu).is_err(), "{name} cut to {length} bytes");
        }
    }
}

#[test]
fn flipped_bits_neither_panic_nor_ask_for_implausible_memory() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for name in ["state_zip.pth", "state_legacy.pt", "checkpoint_zip.pth", "checkpoint_legacy.pt", "state.safetensors"]
    {
        let bytes = file(name);
        for _ in 0..1500 {
            let mut damaged = bytes.clone();
            for _ in 0..random.random_range(1..4) {
                let at = random.random_range(0..damaged.len());
                damaged[at] ^= 1 << random.random_range(0..8);
            }
            if let Ok(weights) = Weights::read(&damaged, name, &Device::Cpu) {
                let elements: usize = weights.tensors.values().map(Tensor::elem_count).sum();
                assert!(elements <= 16 * bytes.len(), "{name}: {elements} elements from {} bytes", bytes.len());
            }
        }
    }
}

/// A legacy file whose object is the given pickle (after the protocol byte).
fn legacy(object: &[u8]) -> Vec<u8> {
    let mut bytes =
        b"\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.\x80\x02".to_vec();
    bytes.extend_from_slice(object);
    bytes.extend_from_slice(b"\x80\x02].");
    bytes
}

#[test]
fn nothing_is_executed_and_strange_streams_are_refused() {
    // os.system("true") as the whole object, and as a value in a state dict.
    let call = b"cos\nsystem\nX\x04\0\0\0true\x85R.";
    assert!(refusal(&legacy(call)).contains("os.system"));
    let hidden = b"}X\x01\0\0\0acos\nsystem\nX\x04\0\0\0true\x85Rs.";
    assert!(refusal(&legacy(hidden)).contains("no tensors"));
    for stream in [&b"."[..], b"t.", b"R.", b"h\x07.", b"(.", b"}(K\x01u.", b"X\xff\xff\xff\xffa.", b"\xff."] {
        refusal(&legacy(stream));
    }
}

#[test]
fn announced_giants_take_no_memory() {
    // A tensor of 2^40 floats, and one value stretched to 2^40 by strides of 0.
    let storage = |count: &[u8]| {
        let mut text = b"((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0".to_vec();
        text.extend_from_slice(b"0X\x03\0\0\0cpu");
        text.extend_from_slice(count);
        text.extend_from_slice(b"tQ");
        text
    };
    let giant = b"\x8a\x06\0\0\0\0\0\x01";
    for (count, stride) in [(&giant[..], b"K\x01"), (&b"K\x01"[..], b"K\0")] {
        let mut object = b"}X\x01\0\0\0actorch._utils\n_rebuild_tensor_v2\n".to_vec();
        object.extend_from_slice(&storage(count));
        object.extend_from_slice(b"K\0");
        object.extend_from_slice(giant);
        object.extend_from_slice(b"\x85");
        object.extend_from_slice(stride);
        object.extend_from_slice(b"\x85\x89}tRs.");
        let message = refusal(&legacy(&object));
        assert!(message.contains("storage 0 is missing") || message.contains("beyond"), "{message}");
    }
}

#[test]
fn a_list_cannot_be_copied_without_end() {
    let mut object = b"](".to_vec();
    object.extend(std::iter::repeat_n(b'N', 20_000));
    object.extend_from_slice(b"eq\0");
    for _ in 0..20_000 {
        object.extend_from_slice(b"ctorch\nSize\nh\0\x85R");
    }
    object.push(b'.');
    assert!(refusal(&legacy(&object)).contains("again and again"));
}

#[test]
fn values_that_are_not_finite_are_refused() {
    let bytes = file("state.safetensors");
    let at = bytes.len() - 4;
    let last = safetensors::read(&bytes).unwrap();
    assert!(!last.tensors.is_empty());
    let header = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let mut damaged = bytes.clone();
    // The writer sorts by alignment: the 8-byte numbers come first, then the 4-byte ones.
    for place in (8 + header + 24..at).step_by(4).take(4) {
        damaged[place..place + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    }
    assert!(refusal(&damaged).contains("not finite"));
}

fn weights(entries: &[(&str, &[usize])]) -> Weights {
    let tensors = entries
        .iter()
        .map(|(name, shape)| ((*name).to_owned(), Tensor::ones(*shape, DType::F32, &Device::Cpu).unwrap()))
        .collect();
    Weights::from_tensors(tensors, "test.safetensors")
}

#[test]
fn everything_used_is_no_error() {
    let mut weights = weights(&[("a.weight", &[2, 3]), ("a.bias", &[2]), ("bn.num_batches_tracked", &[])]);
    assert_eq!(weights.take("a.weight", &[2, 3]).dims(), [2, 3]);
    assert!(weights.take_optional("a.bias", &[2]).is_some());
    assert!(weights.take_optional("b.bias", &[2]).is_none());
    weights.finish().unwrap();
}

#[test]
fn one_error_names_every_difference() {
    let mut weights = weights(&[("a.weight", &[2, 3]), ("left.over", &[2])]);
    assert_eq!(weights.take("a.weight", &[4, 3]).dims(), [4, 3]);
    assert_eq!(weights.take("b.weight", &[7]).to_vec1::<f32>().unwrap(), [0.0; 7]);
    let message = weights.finish().unwrap_err().to_string();
    assert_eq!(
        message,
        "The weights do not fit the architecture: missing b.weight; a.weight with shape [2, 3] where [4, 3] is \
         expected; not part of the architecture: left.over: test.safetensors"
    );
}

#[test]
fn a_missing_giant_takes_no_memory() {
    let mut weights = weights(&[]);
    assert_eq!(weights.take("giant", &[1 << 20, 1 << 20]).elem_count(), 1 << 40);
}

#[test]
fn a_required_shape_names_what_is_missing_or_of_another_rank() {
    let weights = weights(&[("a.weight", &[2, 3])]);
    assert_eq!(weights.required_shape("a.weight", 2).unwrap(), [2, 3]);
    assert!(weights.required_shape("a.weight", 4).unwrap_err().to_string().contains("4 dimensions"));
    assert!(weights.required_shape("b.weight", 4).unwrap_err().to_string().contains("missing b.weight"));
}
