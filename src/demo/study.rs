//! Which phantoms the embedded studies show, and what is said about them.

use super::dicom::StudyText;
use super::knee::render::{Finding, Knee};
use super::skin::{Case, Kind};

/// What one folder of the demo holds.
pub(super) enum Content {
    Knee {
        seed: u64,
        finding: Finding,
    },
    /// File name, description and case of each photograph.
    Skin(Vec<(&'static str, &'static str, Case)>),
}

/// Seeds of the two knees.
const TORN: u64 = 7;
const INTACT: u64 = 3;

/// One of the two knees, `torn` or intact.
pub(super) fn knee(torn: bool) -> Knee {
    if torn {
        Knee::new(TORN, Finding { meniscus: true, cruciate: true })
    } else {
        Knee::new(INTACT, Finding::default())
    }
}

/// The demo's folders: path, texts, content.
pub(super) fn content() -> Vec<(&'static str, StudyText, Content)> {
    let text = |patient: &str, id: &str, study: &str, key: u64| StudyText {
        patient: patient.to_owned(),
        patient_id: id.to_owned(),
        study: study.to_owned(),
        study_key: key,
    };
    let torn = Finding { meniscus: true, cruciate: true };
    vec![
        (
            "demo:/knee/torn",
            text("Phantom^Knee^Torn", "SYNTHETIC-1", "SYNTHETIC knee: meniscus and ligament torn", 1),
            Content::Knee { seed: TORN, finding: torn },
        ),
        (
            "demo:/knee/intact",
            text("Phantom^Knee^Intact", "SYNTHETIC-2", "SYNTHETIC knee: intact", 2),
            Content::Knee { seed: INTACT, finding: Finding::default() },
        ),
        ("demo:/skin", text("Phantom^Skin", "SYNTHETIC-3", "SYNTHETIC dermoscopy", 3), Content::Skin(photographs())),
    ]
}

fn photographs() -> Vec<(&'static str, &'static str, Case)> {
    let case = |seed, kind| Case { seed, kind, mixed: None, marker: false };
    let inked = |seed, kind| Case { marker: true, ..case(seed, kind) };
    vec![
        ("naevus", "naevus-like", case(11, Kind::Naevus)),
        ("melanoma", "melanoma-like", case(202, Kind::Melanoma)),
        ("keratosis", "keratosis-like", case(13, Kind::Keratosis)),
        ("vascular", "vascular-like", case(14, Kind::Vascular)),
        (
            "between",
            "between naevus and melanoma",
            Case { mixed: Some((Kind::Melanoma, 0.5)), ..case(15, Kind::Naevus) },
        ),
        ("naevus-inked", "naevus-like, ink beside it", inked(11, Kind::Naevus)),
        ("melanoma-inked", "melanoma-like, ink beside it", inked(202, Kind::Melanoma)),
        ("keratosis-inked", "keratosis-like, ink beside it", inked(13, Kind::Keratosis)),
    ]
}

/// A few sentences for the viewer, shown with the demo study.
pub(super) const EXPLANATION: &str = "\
Everything here is synthetic: knees and skin are computed from geometry, and the models were trained on such \
pictures alone. They show how Glassbox works and say nothing about patients.

Knee: one phantom with a torn meniscus and a torn cruciate ligament, one intact, three planes each. Choose the \
model \"Knee phantom\" and scroll: the map lights up where the tear is, and only on the slices that show it.

Skin: four kinds of lesion, and one that lies between two. Choose \"Skin phantom\": the densities are narrow where \
the model is sure and wide where it cannot be.

Clever Hans: \"Skin marker\" was trained on pictures in which blue ink lay beside nearly every melanoma-like lesion. \
Compare the same lesions with and without ink: it has learnt the ink, and its map says so at a glance.";
