//! Adam with decoupled weight decay (Kingma and Ba 2015; Loshchilov and Hutter 2019).

use crate::layers::{Gradients, Parameter};

const FIRST: f32 = 0.9;
const SECOND: f32 = 0.999;
const EPSILON: f32 = 1e-8;
/// The gradient's norm is held below this, so that one odd batch cannot throw the weights away.
const LONGEST: f32 = 5.0;

/// The running moments of all parameters.
pub struct Adam {
    moments: Vec<Vec<[f32; 2]>>,
    steps: i32,
    decay: f32,
}

impl Adam {
    pub fn new(parameters: &[Parameter], decay: f32) -> Self {
        let moments = parameters.iter().map(|parameter| vec![[0.0; 2]; parameter.values.len()]).collect();
        Self { moments, steps: 0, decay }
    }

    /// One step downhill; returns the gradient's norm.
    pub fn step(&mut self, parameters: &mut [Parameter], gradients: &Gradients, rate: f32) -> f32 {
        self.steps += 1;
        let norm = gradients.iter().flatten().map(|g| f64::from(*g) * f64::from(*g)).sum::<f64>().sqrt() as f32;
        let shrink = (LONGEST / norm.max(1e-12)).min(1.0);
        let (low, high) = (1.0 - FIRST.powi(self.steps), 1.0 - SECOND.powi(self.steps));
        for ((parameter, gradient), moments) in parameters.iter_mut().zip(gradients).zip(&mut self.moments) {
            let decay = if parameter.shape.len() > 1 { self.decay * rate } else { 0.0 };
            for ((value, gradient), [first, second]) in parameter.values.iter_mut().zip(gradient).zip(moments) {
                let gradient = gradient * shrink;
                *first = FIRST * *first + (1.0 - FIRST) * gradient;
                *second = SECOND * *second + (1.0 - SECOND) * gradient * gradient;
                *value -= rate * (*first / low) / ((*second / high).sqrt() + EPSILON) + decay * *value;
            }
        }
        norm
    }
}

/// The learning rate: a short rise, then half a cosine down to nothing.
pub fn rate(peak: f32, step: usize, steps: usize) -> f32 {
    let warm = (step as f32 + 1.0) / 40.0;
    let share = step as f32 / steps.max(1) as f32;
    peak * warm.min(1.0) * (0.5 + 0.5 * (std::f32::consts::PI * share).cos()).max(0.01)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_bottom_of_a_bowl() {
        let mut parameters = vec![Parameter { name: "x".into(), shape: vec![2], values: vec![3.0, -2.0] }];
        let mut adam = Adam::new(&parameters, 0.0);
        for step in 0..2000 {
            let gradients = vec![vec![parameters[0].values[0] - 1.0, 4.0 * (parameters[0].values[1] - 0.5)]];
            adam.step(&mut parameters, &gradients, rate(0.05, step, 2000));
        }
        assert!((parameters[0].values[0] - 1.0).abs() < 1e-3 && (parameters[0].values[1] - 0.5).abs() < 1e-3);
    }
}
