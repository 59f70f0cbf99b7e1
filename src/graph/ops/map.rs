//! One function applied to each element.

use candle_core::{Tensor, bail};

use super::super::support::Support;
use super::{
    super::{
        kernels::{map, serve},
        op::{Forward, Op, Result, Rule, Saved},
    },
    function::{Function, GELU_CUBE, GELU_SCALE},
    only,
};

/// A [`Function`] of each element, over an input of any shape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Map(pub Function);

impl Op for Map {
    fn kind(&self) -> &'static str {
        self.0.name()
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        if let Function::Clip { min, max } = self.0
            && (min.is_nan() || max.is_nan() || min > max)
        {
            return Err(format!("the bounds {min} and {max} enclose nothing"));
        }
        only(inputs).map(<[usize]>::to_vec)
    }

    fn support(&self, _inputs: &[&[usize]], _which: usize) -> Support {
        Support::Same
    }

    fn forward(&self, inputs: &[&Tensor], record: bool) -> Result<Forward> {
        let input = inputs[0];
        let output = if serve(input) { map::forward(self.0, input)? } else { composed_forward(self.0, input)? };
        Ok(Forward::with_state(output, record, [input]))
    }

    fn vjp(&self, gradient: &Tensor, _which: usize, saved: &Saved, rule: Rule) -> Result<Tensor> {
        let [input] = saved.state()?;
        if serve(gradient) {
            map::vjp(self.0, gradient, input, rule)
        } else {
            composed_vjp(self.0, gradient, input, rule)
        }
    }
}

/// The output from tensor operations.
pub(super) fn composed_forward(function: Function, x: &Tensor) -> Result<Tensor> {
    match function {
        Function::LeakyRelu { slope } => positive_or(x, x, &(x * slope)?),
        Function::Elu { alpha } => positive_or(x, x, &((below(x, 0.0)?.exp()? - 1.0)? * alpha)?),
        Function::Selu => composed_forward(Function::Elu { alpha: selu().0 }, x)? * selu().1,
        Function::Celu { alpha } => positive_or(x, x, &(((below(x, 0.0)? / alpha)?.exp()? - 1.0)? * alpha)?),
        Function::Sigmoid => sigmoid(x),
        Function::HardSigmoid { alpha, beta } => clip(&x.affine(alpha, beta)?, 0.0, 1.0),
        Function::HardSwish => (x * clip(&(x + 3.0)?, 0.0, 6.0)?)? / 6.0,
        Function::Silu => x * sigmoid(x)?,
        Function::Gelu { tanh: false } => x * normal(x)?,
        Function::Gelu { tanh: true } => x * ((gelu_argument(x)?.tanh()? + 1.0)? * 0.5)?,
        Function::Clip { min, max } => clip(x, min, max),
        Function::Tanh => x.tanh(),
        Function::Erf => x.erf(),
        Function::Softplus => softplus(x),
        Function::Softsign => x / (x.abs()? + 1.0)?,
        Function::Mish => x * softplus(x)?.tanh()?,
        Function::Exp => x.exp(),
        Function::Log => x.log(),
        Function::Sqrt => x.sqrt(),
        Function::Neg => x.neg(),
        Function::Abs => x.abs(),
        Function::Reciprocal => x.recip(),
        Function::Power(power) => x.powf(power),
        Function::Sign => sign(x),
        Function::Floor => x.floor(),
        Function::Ceil => x.ceil(),
        Function::Round => {
            // The tensor library rounds halves away from 0; here they go to the even neighbour.
            let floor = x.floor()?;
            let even = ((&floor / 2.0)?.ceil()? * 2.0)?;
            (x - &floor)?.eq(0.5)?.where_cond(&even, &(x + 0.5)?.floor()?)
        }
    }
}

/// The gradient from tensor operations.
pub(super) fn composed_vjp(function: Function, gradient: &Tensor, x: &Tensor, rule: Rule) -> Result<Tensor> {
    let gradient = gradient.contiguous()?;
    if function.is_rectifier() && rule != Rule::Gradient {
        let rectified = positive_or(&gradient, &gradient, &gradient.zeros_like()?)?;
        return if rule == Rule::Deconvnet { Ok(rectified) } else { rectified * composed_derivative(function, x)? };
    }
    gradient * composed_derivative(function, x)?
}

fn composed_derivative(function: Function, x: &Tensor) -> Result<Tensor> {
    let ones = || x.ones_like();
    match function {
        Function::LeakyRelu { slope } => positive_or(x, &ones()?, &(ones()? * slope)?),
        Function::Elu { alpha } => positive_or(x, &ones()?, &(below(x, 0.0)?.exp()? * alpha)?),
        Function::Selu => composed_derivative(Function::Elu { alpha: selu().0 }, x)? * selu().1,
        Function::Celu { alpha } => positive_or(x, &ones()?, &(below(x, 0.0)? / alpha)?.exp()?),
        Function::Sigmoid => sigmoid(x)? * sigmoid(&x.neg()?)?,
        Function::HardSigmoid { alpha, beta } => between(&x.affine(alpha, beta)?, 0.0, 1.0)? * alpha,
        Function::HardSwish => {
            let inner = (between(x, -3.0, 3.0)? * x.affine(1.0 / 3.0, 0.5)?)?;
            inner + x.ge(3.0)?.to_dtype(x.dtype())?
        }
        Function::Silu => sigmoid(x)? * ((x * sigmoid(&x.neg()?)?)? + 1.0)?,
        Function::Gelu { tanh: false } => {
            let density = ((x.sqr()? * -0.5)?.exp()? * (0.5 * std::f64::consts::FRAC_1_PI).sqrt())?;
            normal(x)? + (x * density)?
        }
        Function::Gelu { tanh: true } => {
            let t = gelu_argument(x)?.tanh()?;
            let inner = x.sqr()?.affine(3.0 * GELU_CUBE * GELU_SCALE, GELU_SCALE)?;
            let steep = (((x * t.sqr()?.affine(-1.0, 1.0)?)? * inner)? * 0.5)?;
            ((t + 1.0)? * 0.5)? + steep
        }
        Function::Clip { min, max } => between(x, min, max),
        Function::Tanh => x.tanh()?.sqr()?.affine(-1.0, 1.0),
        Function::Erf => x.sqr()?.neg()?.exp()? * std::f64::consts::FRAC_2_SQRT_PI,
        Function::Softplus => sigmoid(x),
        Function::Softsign => (x.abs()? + 1.0)?.sqr()?.recip(),
        Function::Mish => {
            let t = softplus(x)?.tanh()?;
            let steep = ((x * t.sqr()?.affine(-1.0, 1.0)?)? * sigmoid(x)?)?;
            t + steep
        }
        Function::Exp => x.exp(),
        Function::Log => x.recip(),
        Function::Sqrt => x.sqrt()?.recip()? * 0.5,
        Function::Neg => ones()?.neg(),
        Function::Abs => sign(x),
        Function::Reciprocal => x.sqr()?.recip()?.neg(),
        Function::Power(0.0) | Function::Sign | Function::Floor | Function::Ceil | Function::Round => x.zeros_like(),
        Function::Power(power) => x.powf(power - 1.0)? * power,
    }
}

/// SELU's factor of the exponential, and of the whole.
fn selu() -> (f64, f64) {
    let scale = Function::Selu.value(1.0);
    (Function::Selu.derivative(0.0) / scale, scale)
}

/// `positive` where `x > 0`, `other` elsewhere.
fn positive_or(x: &Tensor, positive: &Tensor, other: &Tensor) -> Result<Tensor> {
    x.gt(0.0)?.where_cond(&positive.contiguous()?, other)
}

/// `min(x, bound)`, NaN staying NaN.
fn below(x: &Tensor, bound: f64) -> Result<Tensor> {
    x.gt(bound)?.where_cond(&(x.ones_like()? * bound)?, &x.contiguous()?)
}

/// `x` between two bounds, NaN staying NaN.
fn clip(x: &Tensor, min: f64, max: f64) -> Result<Tensor> {
    if min.is_nan() || max.is_nan() {
        bail!("a bound that is not a number");
    }
    let bound = |value: f64| x.zeros_like()? + value;
    let lower = x.lt(min)?.where_cond(&bound(min)?, &x.contiguous()?)?;
    x.gt(max)?.where_cond(&bound(max)?, &lower)
}

/// 1 where `min < x < max`, 0 elsewhere.
fn between(x: &Tensor, min: f64, max: f64) -> Result<Tensor> {
    (x.gt(min)?.to_dtype(x.dtype())?) * x.lt(max)?.to_dtype(x.dtype())?
}

fn sign(x: &Tensor) -> Result<Tensor> {
    let positive = x.gt(0.0)?.to_dtype(x.dtype())?;
    let negative = x.lt(0.0)?.to_dtype(x.dtype())?;
    x.ne(x)?.where_cond(&x.contiguous()?, &(positive - negative)?)
}

fn sigmoid(x: &Tensor) -> Result<Tensor> {
    (x.neg()?.exp()? + 1.0)?.recip()
}

fn softplus(x: &Tensor) -> Result<Tensor> {
    let rest = (x.abs()?.neg()?.exp()? + 1.0)?.log()?;
    x.relu()? + rest
}

fn normal(x: &Tensor) -> Result<Tensor> {
    ((x * std::f64::consts::FRAC_1_SQRT_2)?.erf()? + 1.0)? * 0.5
}

fn gelu_argument(x: &Tensor) -> Result<Tensor> {
    let cube = (x.sqr()? * x)?;
    (x + (cube * GELU_CUBE)?)? * GELU_SCALE
}
