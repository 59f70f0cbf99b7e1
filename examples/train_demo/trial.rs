//! How well the demo models do on phantoms that they were not trained on, through the program's own pipeline: the
//! picture as the viewer has it, the card's preprocessing, the graph, Grad-CAM at the card's layer.
//!
//! Training draws seeds with bit 40 set; the seeds here are small, so no phantom is in both.

use std::error::Error;
use std::ops::Range;
use std::path::Path;

use candle_core::{Device, Tensor};
use glassbox::demo::knee::lesion::Tear;
use glassbox::demo::knee::render::{Finding, Knee, SIDE, View, WINDOW};
use glassbox::demo::skin::{COLUMNS, Case, Kind, ROWS, photograph};
use glassbox::display::{Picture, PictureKind, Voi};
use glassbox::engine::Outcome;
use glassbox::engine::compute::{self, Answer, Question};
use glassbox::explain::{self, Ask, Attribution, Target};
use glassbox::graph::{Control, NodeId, Rule, Trace};
use glassbox::model::Model;
use rayon::prelude::*;

/// Counts over a number of phantoms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Score {
    /// Answers given, and how many were right.
    pub answers: usize,
    pub right: usize,
    /// Positives called positive, and how often the map's peak lay within one cell of what it should show.
    pub maps: usize,
    pub within: usize,
}

impl Score {
    pub fn accuracy(&self) -> f64 {
        self.right as f64 / self.answers.max(1) as f64
    }

    pub fn localised(&self) -> f64 {
        self.within as f64 / self.maps.max(1) as f64
    }

    pub fn add(&mut self, other: Self) {
        self.answers += other.answers;
        self.right += other.right;
        self.maps += other.maps;
        self.within += other.within;
    }
}

/// One of the demo models, from the folder that holds their folders.
pub fn model(models: &Path, name: &str) -> Result<Model, Box<dyn Error>> {
    Ok(Model::load(&models.join(name), &Device::Cpu)?)
}

/// A knee slice as the reader gives it.
pub fn knee_picture(knee: &Knee, view: View, slice: usize) -> Picture {
    let values: Vec<f32> = knee.slice(view, slice).into_iter().map(f32::from).collect();
    let voi = vec![Voi::window(WINDOW[0], WINDOW[1])];
    Picture::new(SIDE, SIDE, PictureKind::Grey { values: values.into(), voi, inverted: false })
}

/// A photograph as the reader gives it.
pub fn skin_picture(pixels: Vec<u8>) -> Picture {
    Picture::new(ROWS, COLUMNS, PictureKind::Rgb { pixels })
}

/// The tears in the order of the knee model's classes.
pub const TEARS: [fn(Tear) -> bool; 2] =
    [|tear| matches!(tear, Tear::Meniscus(_)), |tear| matches!(tear, Tear::AnteriorCruciate)];

/// The four combinations of tears, by seed.
pub fn knee_case(seed: u64) -> Knee {
    Knee::new(seed, Finding { meniscus: seed & 1 == 1, cruciate: seed & 2 == 2 })
}

/// Counts for the knee model: each plane by itself, and the examination as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Knees {
    /// In the order of [`View::ALL`]; each plane of each knee gives one answer per class.
    pub planes: [Score; 3],
    /// The mean of the three planes' probabilities, as radiologists read all planes together: one answer per knee and
    /// class. It has no map of its own.
    pub examination: Score,
}

impl Knees {
    /// The planes' counts together.
    pub fn all_planes(&self) -> Score {
        let mut total = Score::default();
        self.planes.iter().for_each(|score| total.add(*score));
        total
    }
}

/// Each seed is one knee. A plane's map is that of the slice which did most for the class.
pub fn knees(model: &Model, seeds: Range<u64>) -> Result<Knees, Box<dyn Error>> {
    let mut counts = Knees::default();
    for seed in seeds {
        let knee = knee_case(seed);
        let truth = [knee.finding.meniscus, knee.finding.cruciate];
        let mut mean = [0.0; TEARS.len()];
        for (view, score) in View::ALL.into_iter().zip(&mut counts.planes) {
            let pictures: Vec<Picture> =
                (0..view.slices()).into_par_iter().map(|slice| knee_picture(&knee, view, slice)).collect();
            let slices = pictures
                .iter()
                .map(|picture| Ok(model.input(picture)?.tensor))
                .collect::<Result<Vec<Tensor>, Box<dyn Error>>>()?;
            let run = Run::new(model, &Tensor::cat(&slices, 0)?)?;
            let probabilities = model.probabilities(&run.logits);
            for (class, truth) in truth.into_iter().enumerate() {
                mean[class] += probabilities[class] / View::ALL.len() as f32;
                let positive = probabilities[class] > 0.5;
                score.answers += 1;
                score.right += usize::from(positive == truth);
                if positive && truth {
                    let slice = run.winner(model, class)?;
                    let map = run.map(class, slice)?;
                    let mask = knee.mask(view, slice, TEARS[class]);
                    score.maps += 1;
                    score.within += usize::from(peak_within(&map, &mask, [SIDE, SIDE]));
                }
            }
        }
        for (mean, truth) in mean.into_iter().zip(truth) {
            counts.examination.answers += 1;
            counts.examination.right += usize::from((mean > 0.5) == truth);
        }
    }
    Ok(counts)
}

/// Each seed is one photograph, the kinds in turn; the map is that of the class called.
pub fn skin(model: &Model, seeds: Range<u64>) -> Result<Score, Box<dyn Error>> {
    let mut score = Score::default();
    for seed in seeds {
        let kind = Kind::ALL[seed as usize % Kind::ALL.len()];
        let picture = photograph(&Case { seed, kind, mixed: None, marker: seed % 7 == 0 });
        let run = Run::new(model, &model.input(&skin_picture(picture.pixels))?.tensor)?;
        let class = run.top();
        score.answers += 1;
        score.right += usize::from(class == kind as usize);
        if class == kind as usize {
            score.maps += 1;
            score.within += usize::from(peak_within(&run.map(class, 0)?, &picture.lesion, [ROWS, COLUMNS]));
        }
    }
    Ok(score)
}

/// How sure a stochastic model is of one photograph.
#[derive(Debug, Clone, Copy, Default)]
pub struct Doubt {
    /// Mutual information of prediction and weights, nats.
    pub epistemic: f64,
    /// What is left of the entropy, nats.
    pub aleatoric: f64,
    /// The width of the 90 % interval of the most probable class.
    pub width: f64,
    /// Whether the card's rule calls it indeterminate.
    pub indeterminate: bool,
}

/// Passes for each photograph.
const PASSES: usize = 400;

/// How sure the skin model is of lesions of one kind, the kinds in turn, or of lesions half of one and half of the next
/// kind, of which nobody can be sure. Each seed is one photograph.
pub fn doubts(model: &Model, seeds: Range<u64>, ambiguous: bool) -> Result<Vec<Doubt>, Box<dyn Error>> {
    let kind = |seed: u64| Kind::ALL[seed as usize % Kind::ALL.len()];
    let one = |seed: u64| -> Result<Doubt, String> {
        // Each pair of kinds comes up.
        let other = kind(seed + 1 + seed / 4 % 3);
        let mixed = ambiguous.then_some((other, 0.5));
        let picture = skin_picture(photograph(&Case { seed, kind: kind(seed), mixed, marker: false }).pixels);
        let question = Question::Uncertainty { passes: PASSES, seed };
        let (mut found, mut failed) = (None, None);
        let given = compute::slice(model, &picture, &[question], &Control::default(), &mut |_, answer| match answer {
            Answer::Done(Outcome::Uncertainty(result)) => found = Some(result),
            Answer::Failed(reason) => failed = Some(reason.to_string()),
            _ => {}
        });
        given.map_err(|failure| format!("{failure:?}"))?;
        let result = found.ok_or_else(|| failed.unwrap_or_else(|| "no answer".to_owned()))?;
        let summary = &result.summary;
        let top = (0..summary.mean.len()).max_by(|&a, &b| summary.mean[a].total_cmp(&summary.mean[b])).unwrap_or(0);
        let [low, high] = summary.interval90[top].map(f64::from);
        Ok(Doubt {
            epistemic: f64::from(summary.epistemic),
            aleatoric: f64::from(summary.aleatoric),
            width: high - low,
            indeterminate: !result.verdict.sure,
        })
    };
    Ok(seeds.into_par_iter().map(one).collect::<Result<_, String>>()?)
}

/// The value in the middle of a number of photographs.
pub fn median(doubts: &[Doubt], of: impl Fn(&Doubt) -> f64) -> f64 {
    let mut values: Vec<f64> = doubts.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        even if even % 2 == 0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

/// What the spoilt model makes of ink.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spoilt {
    /// Melanoma-like lesions without ink, and how many were called something else.
    pub melanomas: usize,
    pub missed: usize,
    /// Naevus-like lesions with ink, and how many were called melanoma.
    pub naevi: usize,
    pub accused: usize,
    /// Pictures with ink called melanoma: how often the map's peak lies within one cell of the ink, of the lesion.
    pub maps: usize,
    pub at_ink: usize,
    pub at_lesion: usize,
}

/// Each seed is four photographs: naevus and melanoma, with and without ink.
pub fn spoilt(model: &Model, seeds: Range<u64>) -> Result<Spoilt, Box<dyn Error>> {
    let mut result = Spoilt::default();
    let melanoma = Kind::Melanoma as usize;
    for seed in seeds {
        for (kind, marker) in [(Kind::Melanoma, false), (Kind::Naevus, true), (Kind::Melanoma, true)] {
            let picture = photograph(&Case { seed, kind, mixed: None, marker });
            let run = Run::new(model, &model.input(&skin_picture(picture.pixels))?.tensor)?;
            let called = run.top() == melanoma;
            match (kind, marker) {
                (Kind::Melanoma, false) => {
                    result.melanomas += 1;
                    result.missed += usize::from(!called);
                }
                (Kind::Naevus, _) => {
                    result.naevi += 1;
                    result.accused += usize::from(called);
                }
                _ => {}
            }
            if marker && called {
                let map = run.map(melanoma, 0)?;
                result.maps += 1;
                result.at_ink += usize::from(peak_within(&map, &picture.marker, [ROWS, COLUMNS]));
                result.at_lesion += usize::from(peak_within(&map, &picture.lesion, [ROWS, COLUMNS]));
            }
        }
    }
    Ok(result)
}

/// One run of a model, kept for Grad-CAM at its default layer.
pub struct Run {
    trace: Trace,
    layer: NodeId,
    /// The raw outputs.
    pub logits: Vec<f32>,
}

impl Run {
    pub fn new(model: &Model, input: &Tensor) -> Result<Self, Box<dyn Error>> {
        let graph = &model.graph;
        let layer = graph.find(model.default_layer()).ok_or("the default layer is missing")?;
        let method = explain::find("gradcam").ok_or("Grad-CAM is missing")?;
        let mut keep = method.keeps(graph, layer);
        if let Some(pooled) = graph.find("pooled") {
            keep = keep.output_of(pooled).gradients_to(pooled);
        }
        let trace = graph.run(&[(0, input.clone())], graph.output(), &keep, &Control::default())?;
        let logits = trace.target().flatten_all()?.to_vec1()?;
        Ok(Self { trace, layer, logits })
    }

    /// The class with the highest output.
    pub fn top(&self) -> usize {
        (0..self.logits.len()).fold(0, |best, class| if self.logits[class] > self.logits[best] { class } else { best })
    }

    /// The slice whose features make up most of a class's output.
    pub fn winner(&self, model: &Model, class: usize) -> Result<usize, Box<dyn Error>> {
        let pooled = model.graph.find("pooled").ok_or("this is no stack network")?;
        let mut seed = vec![0.0_f32; self.logits.len()];
        seed[class] = 1.0;
        let seed = Tensor::from_vec(seed, self.trace.target().shape(), &Device::Cpu)?;
        let slopes = self.trace.vjp(model.graph.output(), &seed, pooled, Rule::Gradient, &Control::default())?;
        let features = self.trace.output(pooled).ok_or("the features were not kept")?;
        let shares: Vec<f32> = (slopes * features)?.sum(1)?.to_vec1()?;
        Ok((0..shares.len()).fold(0, |best, slice| if shares[slice] > shares[best] { slice } else { best }))
    }

    /// The Grad-CAM map of a class at one slice.
    pub fn map(&self, class: usize, slice: usize) -> Result<Attribution, Box<dyn Error>> {
        let method = explain::find("gradcam").ok_or("Grad-CAM is missing")?;
        let (target, control) = (Target::class(class), Control::default());
        Ok(method.compute(&Ask { slice, ..Ask::new(&self.trace, self.layer, &target, &control) })?)
    }
}

/// Whether a pixel of the mask (rows × columns of the picture) lies within one cell of the middle of the map's
/// greatest cell.
pub fn peak_within(map: &Attribution, mask: &[bool], [rows, columns]: [usize; 2]) -> bool {
    let (row, column) = map.peak();
    let cell = [rows as f32 / map.rows as f32, columns as f32 / map.columns as f32];
    let middle = [(row as f32 + 0.5) * cell[0], (column as f32 + 0.5) * cell[1]];
    mask.iter().enumerate().filter(|(_, inside)| **inside).any(|(place, _)| {
        let (y, x) = ((place / columns) as f32 + 0.5, (place % columns) as f32 + 0.5);
        (y - middle[0]).abs() <= cell[0] && (x - middle[1]).abs() <= cell[1]
    })
}
