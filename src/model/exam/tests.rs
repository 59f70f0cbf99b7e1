//! Exam cards that can and cannot be used, and how planes are combined.

use std::path::{Path, PathBuf};

use super::*;
use crate::model::{Card, Catalogue, Entry};

/// MRNet's layout: three planes, two of its tasks, a model each.
const FULL: &str = r#"
name = "Knee"
version = "1.0.0"
summary = "Tears"
intended_use = "Research."

[[task]]
name = "ACL tear"
combine = "logistic"
weights = { axial = 1.5, coronal = -0.5, sagittal = 3.0 }
intercept = -2.0
missing = "mean"

[[task]]
name = "meniscal tear"

[[model]]
card = "knee"
plane = "axial"
tasks = { "ACL tear" = "acl", "meniscal tear" = "meniscus" }

[[model]]
card = "knee"
plane = "coronal"
description = "PD*"
task = "ACL tear"
class = "acl"

[[model]]
card = "knee"
plane = "coronal"
description = "PD*"
task = "meniscal tear"
class = "meniscus"

[[model]]
card = "knee"
plane = "sagittal"
tasks = { "ACL tear" = "acl", "meniscal tear" = "meniscus" }
"#;

fn catalogue() -> Catalogue {
    let text = "name = \"Knee network\"\nversion = \"1\"\narchitecture = \"mrnet\"\nweights = \"w\"\n\
                classes = [\"meniscus\", \"acl\"]\n[input]\nsize = [8, 8]\n";
    let card = Card::parse(text, "card").unwrap();
    let entry = |path: &str, card: Option<Card>, problem: Option<&str>| Entry {
        path: PathBuf::from(path),
        name: card.as_ref().map_or(String::new(), |card| card.name.clone()),
        summary: String::new(),
        card,
        problem: problem.map(str::to_owned),
    };
    let entries = vec![
        entry("models/knee/model.toml", Some(card), None),
        entry("models/broken/model.toml", None, Some("The weights are not there")),
    ];
    Catalogue { entries, exams: Vec::new() }
}

fn read(text: &str) -> Result<Exam, ExamError> {
    Exam::from_text(text, Path::new("folder/exam.toml"), &catalogue())
}

#[test]
fn a_full_card_is_read_and_its_table_known() {
    let exam = read(FULL).unwrap();
    let names: Vec<&str> = exam.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["axial", "coronal", "sagittal"]);
    assert_eq!(exam.columns[1].description.as_deref(), Some("PD*"));
    assert_eq!((exam.members.len(), exam.cards().len()), (4, 1));
    let classes = ["meniscus".to_owned(), "acl".to_owned()];
    for column in 0..3 {
        for (task, class) in [(0, 1), (1, 0)] {
            let (_, judged) = exam.member(task, column).unwrap();
            assert_eq!(judged.class_index(&exam.card.tasks[task].name, &classes), Some(class));
        }
    }
    assert_eq!(exam.card.tasks[1].missing(), Missing::LeaveOut);
    let again = toml::to_string(&exam.card).unwrap();
    assert_eq!(read(&again).unwrap().card, exam.card);
}

#[test]
fn an_error_names_file_key_what_is_found_and_what_is_expected() {
    for (from, to, words) in [
        ("name = \"Knee\"", "name = \"\"", &["`name`", "empty"][..]),
        ("name = \"Knee\"", "nam = \"Knee\"", &["nam", "unknown field", "line 2"]),
        ("plane = \"axial\"", "plane = \"transverse\"", &["transverse", "axial", "`model.plane`", "line"]),
        ("combine = \"logistic\"", "combine = \"vote\"", &["vote", "logistic", "`task.combine`"]),
        ("version = \"1.0.0\"\n", "", &["missing field `version`"]),
        ("name = \"meniscal tear\"", "name = \"ACL tear\"", &["`name` of task 2", "again"]),
        (
            "task = \"ACL tear\"\nclass = \"acl\"",
            "task = \"PCL tear\"",
            &["`task` of model 2", "\"PCL tear\"", "\"ACL tear\""],
        ),
        ("task = \"ACL tear\"\nclass = \"acl\"", "", &["`task` of model 2", "missing"]),
        ("class = \"acl\"\n", "class = \"pcl\"\n", &["`class` of model 2", "\"pcl\"", "\"meniscus\"", "Knee network"]),
        (
            "task = \"ACL tear\"\nclass = \"acl\"",
            "task = \"ACL tear\"\ntasks = { \"ACL tear\" = \"acl\" }",
            &["`tasks`", "beside"],
        ),
        (
            "task = \"meniscal tear\"\nclass",
            "task = \"ACL tear\"\nclass",
            &["`task` of model 3", "model 2 judges already"],
        ),
        (
            "plane = \"sagittal\"",
            "plane = \"sagittal\"\nname = \"axial\"",
            &["`name` of model 4", "model 1", "another series"],
        ),
        ("sagittal = 3.0", "oblique = 3.0", &["`weights` of the task \"ACL tear\"", "axial, coronal, sagittal"]),
        ("sagittal = 3.0", "sagittal = nan", &["`weights`"]),
        ("intercept = -2.0\n", "", &["`intercept`", "missing"]),
        ("missing = \"mean\"", "missing = \"leave-out\"", &["`missing`", "belong together", "\"refuse\""]),
        ("name = \"meniscal tear\"", "name = \"meniscal tear\"\nmissing = \"mean\"", &["`missing`", "with a mean"]),
        ("name = \"meniscal tear\"", "name = \"meniscal tear\"\nintercept = 1", &["`intercept`", "given with a mean"]),
        ("card = \"knee\"", "card = \"hip\"", &["`card` of model 1", "\"hip\"", "no listed model"]),
        ("card = \"knee\"", "card = \"broken\"", &["`card` of model 1", "The weights are not there"]),
    ] {
        assert!(FULL.contains(from), "{from}");
        let message = read(&FULL.replacen(from, to, 1)).unwrap_err().to_string();
        for word in words.iter().chain(&["folder/exam.toml"]) {
            assert!(message.contains(word), "{word} is not in: {message}");
        }
        assert!(!message.contains('\n'), "{message}");
    }
    let nothing = "name = \"n\"\nversion = \"1\"\ntask = []\nmodel = []\n";
    assert!(read(nothing).unwrap_err().to_string().contains("`task` is an empty list"));
}

#[test]
fn the_class_of_a_task_is_named_or_told_by_its_name() {
    let judged = |class: Option<&str>| Judged { task: 0, class: class.map(str::to_owned) };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(judged(Some("b")).class_index("t", &names(&["a", "b", "c"])), Some(1));
    assert_eq!(judged(Some("x")).class_index("a", &names(&["a", "b"])), None);
    assert_eq!(judged(None).class_index("t", &names(&["t", "b", "c"])), Some(0));
    assert_eq!(judged(None).class_index("t", &names(&["no", "yes"])), Some(1));
    assert_eq!(judged(None).class_index("t", &names(&["yes"])), Some(0));
    assert_eq!(judged(None).class_index("t", &names(&["a", "b", "c"])), None);
}

fn task(text: &str) -> TaskCard {
    toml::from_str(&format!("name = \"t\"\n{text}")).unwrap()
}

const LOGISTIC: &str =
    "combine = \"logistic\"\nweights = { axial = 1.5, coronal = -0.5, sagittal = 3.0 }\nintercept = -2.0\n";

#[test]
fn logistic_regression_is_that_of_numpy() {
    // numpy 2.4: 1 / (1 + np.exp(-(np.array(p) @ np.array([1.5, -0.5, 3.0]) - 2.0)))
    for (p, expected) in [
        ([0.25, 0.5, 0.75], 0.592_666_599_954_069_7),
        ([0.0, 0.0, 0.0], 0.119_202_922_022_117_57),
        ([1.0, 1.0, 1.0], 0.880_797_077_977_882_3),
        ([0.031_25, 0.875, 0.125], 0.117_572_133_545_508_81),
    ] {
        let parts = [("axial", Part::Is(p[0])), ("coronal", Part::Is(p[1])), ("sagittal", Part::Is(p[2]))];
        let combined = combine(&task(LOGISTIC), &parts);
        let found = combined.probability.unwrap();
        // Both in float64, four terms: a few units in the last place.
        assert!((found - expected).abs() < 1e-15, "{found} {expected}");
        assert_eq!(combined.words, "Logistic regression of axial, coronal and sagittal.");
    }
}

#[test]
fn a_missing_plane_is_said_and_the_rule_followed() {
    let parts = [("axial", Part::Is(0.25)), ("coronal", Part::Missing), ("sagittal", Part::Is(0.75))];
    let of = |text: &str| combine(&task(text), &parts);
    for (text, probability, words) in [
        ("", Some(0.5), "left"),
        (
            "missing = \"leave-out\"",
            Some(0.5),
            "Mean of axial and sagittal; coronal is missing, and the card leaves it out.",
        ),
        ("missing = \"refuse\"", None, "coronal is missing, and the card wants every plane"),
        (LOGISTIC, None, "coronal is missing, and the regression needs every plane"),
        (&format!("{LOGISTIC}missing = \"mean\""), Some(0.5), "the mean stands in for the regression"),
    ] {
        let combined = of(text);
        assert_eq!((combined.probability, combined.missing.as_slice()), (probability, &[1][..]), "{text}");
        assert!(words == "left" || combined.words.contains(words), "{}", combined.words);
    }
    let nothing = combine(&task(""), &[("axial", Part::Missing), ("coronal", Part::Missing)]);
    assert_eq!((nothing.probability, nothing.missing.len()), (None, 2));
}

#[test]
fn what_is_there_is_combined_while_the_rest_is_computed() {
    let parts = [("axial", Part::Is(0.25)), ("coronal", Part::Pending), ("sagittal", Part::Is(0.75))];
    let mean = combine(&task(""), &parts);
    assert_eq!((mean.probability, mean.is_interim), (Some(0.5), true));
    assert_eq!(mean.words, "So far mean of axial and sagittal; coronal to come.");
    let regression = combine(&task(LOGISTIC), &parts);
    assert_eq!((regression.probability, regression.is_interim), (None, true));
    let none = combine(&task(""), &[("axial", Part::Pending)]);
    assert_eq!((none.probability, none.words.as_str()), (None, "Waiting for axial."));
    let one = combine(&task(""), &[("axial", Part::Is(0.25))]);
    assert_eq!((one.probability, one.is_interim, one.words.as_str()), (Some(0.25), false, "Axial."));
}
