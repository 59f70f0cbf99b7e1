//! Model cards that can and cannot be used.

use super::*;

/// The card of the documentation.
const FULL: &str = r#"
name = "HAM10000 VGG16 Flipout"
version = "1.0.0"
summary = "Seven kinds of pigmented skin lesion, dermatoscopic images"
intended_use = "Research. Not for diagnosis."
architecture = "vgg16"
weights = "weights.safetensors"
sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
classes = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]

[input]
size = [224, 224]
channels = 3
fit = "stretch"
resize = "bilinear"
order = "rgb"
scale = 255.0
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]
window = "study"

[output]
activation = "softmax"
head = "flipout"

[explain]
layer = "features.28"
layers = ["features.4", "features.16", "features.28"]
"#;

const LEAST: &str = "name = \"n\"\nversion = \"1\"\narchitecture = \"a\"\nweights = \"w\"\n[input]\nsize = [8, 9]\n";

fn refusal(text: &str) -> String {
    Card::parse(text, "folder/model.toml").unwrap_err().to_string()
}

#[test]
fn a_full_card_is_read_and_written_again() {
    let card = Card::parse(FULL, "card").unwrap();
    assert_eq!(card.classes.len(), 7);
    assert_eq!(card.output.head, Head::Flipout);
    assert_eq!(card.normalisation()[1], (0.456, 0.224));
    assert_eq!(Card::parse(&toml::to_string(&card).unwrap(), "again").unwrap(), card);
}

#[test]
fn what_is_random_is_read_and_written_again() {
    let table = "[uncertainty]\ndropout = [{ layer = \"classifier.0\", rate = 0.5 }]\n\
                 ensemble = [\"b.safetensors\", { weights = \"c.safetensors\", sha256 = \"SHA\" }]\n\
                 indeterminate = \"overlap50 or epistemic > 0.1\"\n";
    let text = format!("{LEAST}[output]\nhead = \"dropout\"\n{}", table.replace("SHA", &"a".repeat(64)));
    let card = Card::parse(&text, "card").unwrap();
    assert_eq!((card.output.head, card.uncertainty.dropout[0].rate), (Head::Dropout, 0.5));
    let files: Vec<&str> = card.uncertainty.ensemble.iter().map(|member| member.parts().0).collect();
    assert_eq!(files, ["b.safetensors", "c.safetensors"]);
    assert_eq!(card.uncertainty.indeterminate.to_string(), "overlap50 or epistemic > 0.1");
    assert_eq!(Card::parse(&toml::to_string(&card).unwrap(), "again").unwrap(), card);
}

#[test]
fn the_least_card_has_the_documented_defaults() {
    let card = Card::parse(LEAST, "card").unwrap();
    assert_eq!(card.intended_use, "Research. Not for diagnosis.");
    assert_eq!((card.input.channels, card.input.fit, card.input.scale), (3, FitMode::Stretch, 255.0));
    assert_eq!(card.input.window, WindowMode::Study);
    assert_eq!(card.normalisation(), [(0.0, 1.0); 3]);
    assert_eq!(card.output, OutputCard::default());
    assert_eq!(Card::parse(&toml::to_string(&card).unwrap(), "again").unwrap(), card);
}

#[test]
fn an_error_names_file_key_what_is_found_and_what_is_expected() {
    for (change, words) in [
        (("[8, 9]", "[0, 9]"), &["input.size", "[0, 9]", "1 to 8192"][..]),
        (("[8, 9]", "[8, 9]\nchannels = 2"), &["input.channels", "2", "1 or 3"]),
        (("[8, 9]", "[8, 9]\nscale = 0"), &["input.scale", "above 0"]),
        (("[8, 9]", "[8, 9]\nmean = [1, 2]"), &["input.mean", "a list of 2", "each channel"]),
        (("[8, 9]", "[8, 9]\nstd = [1, 0, 1]"), &["input.std", "above 0"]),
        (("[8, 9]", "[8, 9]\nwindow = [40, 0]"), &["input.window", "[40, 0]", "width above 0"]),
        (("[8, 9]", "[8, 9]\nwindow = \"lung\""), &["\"lung\"", "\"minmax\"", "line 7", "`input.window`"]),
        (("[8, 9]", "[8, 9]\nwindow = 3"), &["expected \"study\"", "line 7", "`input.window`"]),
        (("[8, 9]", "[8, 9]\nfit = \"squash\""), &["squash", "stretch", "line 7", "`input.fit`"]),
        (("[8, 9]", "[8, 9]\nsizes = 1"), &["sizes", "unknown field", "line 7", "`input.sizes`"]),
        (("name = \"n\"", "name = \" \""), &["`name`", "empty"]),
        (("[8, 9]", "[\n  8,\n  \"x\",\n]"), &["expected a whole number", "line 8", "`input.size`"]),
        (
            ("name = \"n\"", "name = \"n\"\ndense_weights = \"f8\""),
            &["unknown variant `f8`", "`f32`, `f16`", "`bf16`", "line 2", "`dense_weights`"],
        ),
        (("name = \"n\"", "name = \"n\"\ndense_weights = 16"), &["line 2", "`dense_weights`"]),
        (("name = \"n\"", "name = 3"), &["expected a string", "line 1", "`name`"]),
        (("name = \"n\"\n", ""), &["missing field `name`"]),
        (("name = \"n\"", "name = \"n\"\nsha256 = \"12\""), &["sha256", "64 hexadecimal"]),
        (("name = \"n\"", "name = \"n\"\nclasses_file = \"f\"\nclasses = [\"a\"]"), &["classes_file"]),
        (("[8, 9]", "[8, 9]\n[output]\nhead = \"bayes\""), &["bayes", "dropout", "flipout"]),
        (("[8, 9]", "[8, 9]\n[output]\nhead = \"dropout\""), &["uncertainty.dropout", "layer = \"classifier.0\""]),
        (("[8, 9]", "[8, 9]\n[uncertainty]\ndropout = [{ layer = \"a\", rate = 1.0 }]"), &["below 1", "rate of 1"]),
        (("[8, 9]", "[8, 9]\n[uncertainty]\ndropout = [{ layer = \"a\", rates = 0.1 }]"), &["rates", "line 8"]),
        (("[8, 9]", "[8, 9]\n[uncertainty]\nensemble = [3]"), &["file name", "line 8"]),
        (("[8, 9]", "[8, 9]\n[uncertainty]\nindeterminate = \"often\""), &["often", "overlap90", "line 8"]),
        (
            ("[8, 9]", "[8, 9]\n[output]\nslices = \"max\"\n[uncertainty]\nensemble = [\"b\"]"),
            &["uncertainty.ensemble", "stack"],
        ),
        (("[8, 9]", "[8, 9]\n[output]\nhead = \"flipout\"\nslices = \"max\""), &["output.head"]),
        (("[8, 9]", "[8, 9]\n[output]\naggregate = \"median\""), &["median", "\"mean\"", "`output.aggregate`"]),
        (("[8, 9]", "[8, 9]\n[output]\naggregate = { top = 0 }"), &["`top` is 0", "above 0", "`output.aggregate`"]),
        (("[8, 9]", "[8, 9]\n[output]\naggregate = { best = 2 }"), &["{ top = N }", "`output.aggregate`"]),
        (("[8, 9]", "[8, 9]\n[output]\naggregate = \"max\"\nslices = \"max\""), &["output.aggregate", "beside"]),
    ] {
        let message = refusal(&LEAST.replace(change.0, change.1));
        for word in words.iter().chain(&["folder/model.toml"]) {
            assert!(message.contains(word), "{word} is not in: {message}");
        }
        assert!(!message.contains('\n'), "{message}");
    }
}

#[test]
fn dense_layers_keep_their_weights_in_one_of_three_ways() {
    assert_eq!(Card::parse(LEAST, "card").unwrap().dense_weights, DenseWeights::F32);
    for (name, kept) in [("f32", DenseWeights::F32), ("f16", DenseWeights::F16), ("bf16", DenseWeights::Bf16)] {
        let text = LEAST.replace("[input]", &format!("dense_weights = \"{name}\"\n[input]"));
        let card = Card::parse(&text, "card").unwrap();
        assert_eq!((card.dense_weights, card.dense_weights.name()), (kept, name));
        assert_eq!(Card::parse(&toml::to_string(&card).unwrap(), "again").unwrap(), card);
    }
}

#[test]
fn slices_are_joined_by_one_of_three_rules() {
    for (text, rule) in [
        ("", None),
        ("aggregate = \"mean\"", Some(Aggregate::Mean)),
        ("aggregate = \"max\"", Some(Aggregate::Max)),
        ("aggregate = { top = 3 }", Some(Aggregate::Top(3))),
    ] {
        let card = Card::parse(&format!("{LEAST}[output]\n{text}\n"), "card").unwrap();
        assert_eq!(card.output.aggregate, rule);
        assert_eq!(Card::parse(&toml::to_string(&card).unwrap(), "again").unwrap(), card);
    }
}

#[test]
fn class_names_come_in_three_forms() {
    let expected = ["tench", "goldfish"];
    assert_eq!(class_names(r#"{"1": ["n01443537", "goldfish"], "0": ["n01440764", "tench"]}"#).unwrap(), expected);
    assert_eq!(class_names(r#"["tench", "goldfish"]"#).unwrap(), expected);
    assert_eq!(class_names("tench\ngoldfish\n\n").unwrap(), expected);
    for wrong in ["", "{\"0\": 1}", "{\"1\": \"a\"}", "{\"0\": ", "3"] {
        class_names(wrong).unwrap_err();
    }
}
