//! Parameters: how they begin and how they are written.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;

use glassbox::demo::random::Random;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::layers::Parameter;

/// Makes parameters with He's random numbers (He et al. 2015).
pub struct Initial {
    random: Random,
    pub parameters: Vec<Parameter>,
}

impl Initial {
    pub fn new(seed: u64) -> Self {
        Self { random: Random::new(seed, 0x696e_6974), parameters: Vec::new() }
    }

    /// A convolution's weight and bias; the place of the weight, the bias is next to it.
    pub fn convolution(&mut self, name: &str, inputs: usize, outputs: usize, kernel: usize) -> usize {
        let fan = inputs * kernel * kernel;
        self.push(name, &[outputs, inputs, kernel, kernel], (2.0 / fan as f32).sqrt(), 0.0)
    }

    /// A dense layer's weight and bias.
    pub fn dense(&mut self, name: &str, inputs: usize, outputs: usize, bias: f32) -> usize {
        self.push(name, &[outputs, inputs], (2.0 / inputs as f32).sqrt(), bias)
    }

    /// A tensor filled with one value.
    pub fn constant(&mut self, name: &str, shape: &[usize], value: f32) -> usize {
        let values = vec![value; shape.iter().product()];
        self.parameters.push(Parameter { name: name.into(), shape: shape.to_vec(), values });
        self.parameters.len() - 1
    }

    fn push(&mut self, name: &str, shape: &[usize], deviation: f32, bias: f32) -> usize {
        let place = self.constant(&format!("{name}.weight"), shape, 0.0);
        for value in &mut self.parameters[place].values {
            *value = deviation * self.random.normal();
        }
        self.constant(&format!("{name}.bias"), &shape[..1], bias);
        place
    }
}

/// Writes parameters as a safetensors file (float32).
pub fn write(path: &Path, parameters: &[Parameter]) -> Result<(), Box<dyn std::error::Error>> {
    let bytes: Vec<Vec<u8>> =
        parameters.iter().map(|p| p.values.iter().flat_map(|value| value.to_le_bytes()).collect()).collect();
    let mut views = HashMap::new();
    for (parameter, bytes) in parameters.iter().zip(&bytes) {
        views.insert(parameter.name.clone(), TensorView::new(Dtype::F32, parameter.shape.clone(), bytes)?);
    }
    fs::write(path, safetensors::serialize(&views, None)?)?;
    Ok(())
}

/// Reads the parameters of a safetensors file (float32).
pub fn read(path: &Path) -> Result<Vec<Parameter>, Box<dyn std::error::Error>> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut parameters = Vec::new();
    for (name, view) in SafeTensors::deserialize(&bytes)?.iter() {
        if view.dtype() != Dtype::F32 {
            return Err(format!("The tensor {name} holds {:?}, not float32.", view.dtype()).into());
        }
        let (numbers, _) = view.data().as_chunks::<4>();
        let values = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        parameters.push(Parameter { name: name.to_owned(), shape: view.shape().to_vec(), values });
    }
    Ok(parameters)
}

/// A line on standard error with the seconds since the start.
pub fn log(text: &str) {
    static START: OnceLock<Instant> = OnceLock::new();
    let seconds = START.get_or_init(Instant::now).elapsed().as_secs();
    eprintln!("{seconds:5} s  {text}");
}
