//! The fields over the pixels, 3×224×224 in network input, of the subject's first class.

use candle_core::{DType, Tensor};
use glassbox::{
    explain::{self, Ask, Settings, Statistic, Target},
    graph::{Control, INPUT, Keep, Rule, Rules, Trace},
};

use super::subject::{Network, Subject, elements};
use crate::common::{formula, reference::error};

/// The keys of the references.
pub const FIELDS: [&str; 5] = ["gradient", "guided", "deconvnet", "smoothgrad", "integrated_gradients"];

/// Noisy copies of the reference's SmoothGrad.
const COPIES: usize = 4;

/// Steps of the reference's integrated gradients.
const STEPS: usize = 16;

/// A field as the method gives it: by default with the rectifiers that Captum finds, `.all` with all.
pub fn compute(subject: &Subject, network: &Network, field: &str) -> Vec<f32> {
    let (target, control) = (Target::class(subject.classes[0]), Control::default());
    let mut settings = Settings::default();
    let ask = Ask::new(&network.trace, INPUT, &target, &control);
    let method = match field {
        "smoothgrad" => {
            let noise = |copy: usize, values: &mut [f32]| values.copy_from_slice(&noise(subject, network, copy));
            return explain::noisy_gradients(&ask, Statistic::Mean, COPIES, &noise).unwrap().values;
        }
        "integrated_gradients" => "integratedgradients",
        "guided" | "guided.all" => "guidedbackprop",
        "deconvnet.all" => "deconvnet",
        other => other,
    };
    let method = explain::find(method).unwrap();
    if let Some(steps) = method.parameters().iter().find(|parameter| parameter.name == "steps") {
        settings.set(steps, steps.parse(&STEPS.to_string()).unwrap());
    }
    if field.strip_suffix(".all").is_some() {
        let which = method.parameters().iter().find(|parameter| parameter.name == "rectifiers").unwrap();
        settings.set(which, which.parse("all").unwrap());
    }
    method.compute(&Ask { settings: &settings, ..ask }).unwrap().values
}

/// How far ways back in float32 are from those in float64 when they follow the switches of float64: which place won a
/// pooling, which ReLU was open. `precise` and `rounded` are the subject in float64 and in float32. Of a field that is a
/// mean over many inputs, the first and the last are taken.
pub fn error_with_the_switches_of_float64(subject: &Subject, precise: &Network, rounded: &Network, field: &str) -> f64 {
    let control = Control::default();
    let keep = Keep::nothing().gradients_to(INPUT);
    let class = subject.classes[0];
    let run = |input| precise.graph.run(&[(INPUT, input)], precise.graph.output(), &keep, &control).unwrap();
    let changed = changed_inputs(subject, precise, field);
    let runs = if changed.is_empty() { vec![precise.trace.clone()] } else { changed.into_iter().map(run).collect() };
    let errors = runs.into_iter().map(|run: Trace| {
        let back = |run: &Trace, seed: &Tensor| {
            elements(&run.vjp(run.target_node(), seed, INPUT, rules(field), &control).unwrap())
        };
        let exact = back(&run, &precise.seed(class));
        let run = run.in_precision(&rounded.graph, DType::F32).unwrap();
        error(&back(&run, &rounded.seed(class)), &exact)
    });
    errors.fold(0.0, f64::max)
}

/// The rules of a field. Captum knows ReLU modules only; `.all` are Captum's on networks that have a module for each of
/// torchvision's calls of `F.relu`.
fn rules(field: &str) -> Rules {
    match field {
        "guided" => Rules::modules_only(Rule::Guided),
        "deconvnet" => Rules::modules_only(Rule::Deconvnet),
        "guided.all" => Rule::Guided.into(),
        "deconvnet.all" => Rule::Deconvnet.into(),
        _ => Rule::Gradient.into(),
    }
}

/// The first and the last of the inputs whose gradients a field is the mean of, in float64; none where that is the
/// subject's own input alone.
fn changed_inputs(subject: &Subject, precise: &Network, field: &str) -> Vec<Tensor> {
    let input = &precise.input;
    let copy = |copy| {
        let noise = noise(subject, precise, copy);
        let noise = Tensor::from_vec(noise, input.shape(), input.device()).unwrap().to_dtype(DType::F64).unwrap();
        (input + noise).unwrap()
    };
    match field {
        "smoothgrad" => [0, COPIES - 1].map(copy).to_vec(),
        "integrated_gradients" => {
            [0, STEPS - 1].map(|step| (input * ((step as f64 + 0.5) / STEPS as f64)).unwrap()).to_vec()
        }
        _ => Vec::new(),
    }
}

/// The noise of one copy: uniform with the variance of SmoothGrad's, from the formula.
fn noise(subject: &Subject, network: &Network, copy: usize) -> Vec<f32> {
    let values = elements(&network.input);
    let (low, high) = values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    let sigma = 0.15 * f64::from(high - low);
    let hash = formula::fnv1a64(&format!("noise.{copy}"));
    let uniform = |index| 2.0 * formula::uniform(hash, index, subject.seed) - 1.0;
    (0..values.len()).map(|index| (uniform(index) * 3.0_f64.sqrt() * sigma) as f32).collect()
}
