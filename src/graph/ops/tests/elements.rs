//! Functions of single numbers and arithmetic on two.

use candle_core::{Device, Tensor};

use super::{
    super::{
        super::{
            kernels,
            op::{Op, Rule, Saved},
        },
        Arithmetic, Binary, BinaryConstant, Broadcast, Function, Map, binary, map,
    },
    check_gradient, difference, noise, values,
};

const FUNCTIONS: [Function; 30] = [
    Function::LeakyRelu { slope: 0.01 },
    Function::LeakyRelu { slope: 1.5 },
    Function::Elu { alpha: 0.7 },
    Function::Selu,
    Function::Celu { alpha: 1.3 },
    Function::Sigmoid,
    Function::HardSigmoid { alpha: 0.2, beta: 0.5 },
    Function::HardSwish,
    Function::Silu,
    Function::Gelu { tanh: false },
    Function::Gelu { tanh: true },
    Function::RELU6,
    Function::Clip { min: -1.5, max: 2.5 },
    Function::Clip { min: f64::NEG_INFINITY, max: 0.5 },
    Function::Tanh,
    Function::Erf,
    Function::Softplus,
    Function::Softsign,
    Function::Mish,
    Function::Exp,
    Function::Log,
    Function::Sqrt,
    Function::Neg,
    Function::Abs,
    Function::Reciprocal,
    Function::Power(2.0),
    Function::Power(-0.5),
    Function::Power(0.0),
    Function::Floor,
    Function::Round,
];

/// Numbers from −8 to 8, or from 0.1 to 2.1 where a function is defined on positive ones only.
fn input(function: Function, shape: &[usize], seed: u64) -> Tensor {
    let spread = noise(shape, seed);
    match function {
        Function::Log | Function::Sqrt | Function::Reciprocal | Function::Power(_) => (spread + 1.1).unwrap(),
        _ => (spread * 8.0).unwrap(),
    }
}

#[test]
fn derivatives_of_functions_are_those_of_finite_differences() {
    for function in FUNCTIONS {
        for (shape, seed) in [(&[2, 3, 4, 5][..], 1), (&[3, 7], 2), (&[2, 1, 1, 1], 3)] {
            check_gradient(&Map(function), &[input(function, shape, seed)]);
        }
    }
}

#[test]
fn function_kernels_agree_with_their_composition() {
    for function in FUNCTIONS.into_iter().chain([Function::Sign, Function::Ceil]) {
        let halves = Tensor::new(&[-2.5, -1.5, -0.5, 0.0, 0.5, 1.5, 2.5, 3.0, 6.0], &Device::Cpu).unwrap();
        for input in [input(function, &[3, 41], 5), halves] {
            let kernel = kernels::map::forward(function, &input).unwrap();
            let composed = map::composed_forward(function, &input).unwrap();
            assert!(agree(&kernel, &composed), "{function:?}: {kernel} against {composed}");
            let gradient = noise(input.dims(), 6);
            for rule in [Rule::Gradient, Rule::Guided, Rule::Deconvnet] {
                let kernel = kernels::map::vjp(function, &gradient, &input, rule).unwrap();
                let composed = map::composed_vjp(function, &gradient, &input, rule).unwrap();
                assert!(agree(&kernel, &composed), "{function:?} under {rule:?}: {kernel} against {composed}");
            }
        }
    }
}

/// Equal to rounding; infinite and NaN at the same places.
fn agree(a: &Tensor, b: &Tensor) -> bool {
    values(a)
        .iter()
        .zip(values(b))
        .all(|(&a, b)| a == b || (a - b).abs() < 1e-12 * a.abs().max(1.0) || (a.is_nan() && b.is_nan()))
}

/// Values of PyTorch 2.15 in float64 (`torch.nn.functional`); Hardsigmoid's 1/6, which PyTorch rounds to float32, is exact.
#[test]
fn functions_have_the_values_of_pytorch() {
    let expected = [
        (
            Function::LeakyRelu { slope: 0.1 },
            [
                (-3.0, -0.30000000000000004, 0.1),
                (-1.25, -0.125, 0.1),
                (0.0, 0.0, 0.1),
                (0.75, 0.75, 1.0),
                (3.0, 3.0, 1.0),
            ],
        ),
        (
            Function::Elu { alpha: 1.0 },
            [
                (-3.0, -0.950212931632136, 0.049787068367863944),
                (-1.25, -0.7134952031398099, 0.2865047968601901),
                (0.0, 0.0, 1.0),
                (0.75, 0.75, 1.0),
                (3.0, 3.0, 1.0),
            ],
        ),
        (
            Function::Selu,
            [
                (-3.0, -1.6705687287671118, 0.08753061208026487),
                (-1.25, -1.2543954463378648, 0.5037038945095117),
                (0.0, 0.0, 1.7580993408473766),
                (0.75, 0.7880257405166103, 1.0507009873554805),
                (3.0, 3.1521029620664414, 1.0507009873554805),
            ],
        ),
        (
            Function::Celu { alpha: 0.5 },
            [
                (-3.0, -0.4987606239116668, 0.0024787521766663585),
                (-1.25, -0.45895750068805063, 0.0820849986238988),
                (0.0, 0.0, 1.0),
                (0.75, 0.75, 1.0),
                (3.0, 3.0, 1.0),
            ],
        ),
        (
            Function::Sigmoid,
            [
                (-3.0, 0.04742587317756678, 0.04517665973091214),
                (-1.25, 0.22270013882530884, 0.173104786992497),
                (0.0, 0.5, 0.25),
                (0.75, 0.679178699175393, 0.21789499376181404),
                (3.0, 0.9525741268224334, 0.045176659730912),
            ],
        ),
        (
            Function::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 },
            [
                (-3.0, 0.0, 0.0),
                (-1.25, 0.2916666666666667, 1.0 / 6.0),
                (0.0, 0.5, 1.0 / 6.0),
                (0.75, 0.625, 1.0 / 6.0),
                (3.0, 1.0, 0.0),
            ],
        ),
        (
            Function::HardSwish,
            [
                (-3.0, -0.0, 0.0),
                (-1.25, -0.3645833333333333, 0.08333333333333331),
                (0.0, 0.0, 0.5),
                (0.75, 0.46875, 0.75),
                (3.0, 3.0, 1.0),
            ],
        ),
        (
            Function::Silu,
            [
                (-3.0, -0.14227761953270035, -0.08810410601516962),
                (-1.25, -0.27837517353163604, 0.00631915508468757),
                (0.0, 0.0, 0.5),
                (0.75, 0.5093840243815447, 0.8425999444967536),
                (3.0, 2.8577223804672998, 1.0881041060151693),
            ],
        ),
        (
            Function::Gelu { tanh: false },
            [
                (-3.0, -0.00404969409489031, -0.01194564720418392),
                (-1.25, -0.13206221708356905, -0.12266158306942215),
                (0.0, 0.0, 0.5),
                (0.75, 0.5800294857173489, 0.9992257217392352),
                (3.0, 2.99595030590511, 1.011945647204184),
            ],
        ),
        (
            Function::Gelu { tanh: true },
            [
                (-3.0, -0.0036373920817729943, -0.011584166630969648),
                (-1.25, -0.13228579703028542, -0.12249263224964865),
                (0.0, 0.0, 0.5),
                (0.75, 0.5799605551656203, 0.9989382561374143),
                (3.0, 2.996362607918227, 1.0115841666309695),
            ],
        ),
        (Function::RELU6, [(-3.0, 0.0, 0.0), (-1.25, 0.0, 0.0), (0.0, 0.0, 0.0), (0.75, 0.75, 1.0), (3.0, 3.0, 1.0)]),
        (
            Function::Tanh,
            [
                (-3.0, -0.9950547536867305, 0.009866037165440166),
                (-1.25, -0.8482836399575129, 0.28041486618043265),
                (0.0, 0.0, 1.0),
                (0.75, 0.6351489523872873, 0.5965858082813315),
                (3.0, 0.9950547536867305, 0.009866037165440166),
            ],
        ),
        (
            Function::Erf,
            [
                (-3.0, -0.9999779095030014, 0.00013925305194674786),
                (-1.25, -0.9229001282564583, 0.23652112244729076),
                (0.0, 0.0, 1.1283791670955126),
                (0.75, 0.7111556336535151, 0.6429310691952074),
                (3.0, 0.9999779095030014, 0.00013925305194674786),
            ],
        ),
        (
            Function::Softplus,
            [
                (-3.0, 0.04858735157374206, 0.04742587317756679),
                (-1.25, 0.2519290813453729, 0.22270013882530884),
                (0.0, 0.6931471805599453, 0.5),
                (0.75, 1.1368710061148999, 0.679178699175393),
                (3.0, 3.048587351573742, 0.9525741268224333),
            ],
        ),
        (
            Function::Softsign,
            [
                (-3.0, -0.75, 0.0625),
                (-1.25, -0.5555555555555556, 0.19753086419753083),
                (0.0, 0.0, 1.0),
                (0.75, 0.42857142857142855, 0.32653061224489793),
                (3.0, 0.75, 0.0625),
            ],
        ),
        (
            Function::Mish,
            [
                (-3.0, -0.1456474612756246, -0.09339311453232084),
                (-1.25, -0.30841396114152775, -0.014697562473019468),
                (0.0, 0.0, 0.6),
                (0.75, 0.6100183352182934, 0.985758355716688),
                (3.0, 2.9865350049679575, 1.0211069109294435),
            ],
        ),
    ];
    for (function, points) in expected {
        for (x, value, derivative) in points {
            assert!((function.value(x) - value).abs() < 1e-14, "{function:?} at {x}: {}", function.value(x));
            let found = function.derivative(x);
            assert!((found - derivative).abs() < 1e-14, "{function:?}' at {x}: {found}");
        }
    }
}

#[test]
fn functions_keep_nan_and_survive_large_numbers() {
    for function in FUNCTIONS {
        if function == Function::Power(0.0) {
            continue;
        }
        let broken = Tensor::new(&[f32::NAN, 1.0], &Device::Cpu).unwrap();
        let output = Map(function).forward(&[&broken], false).unwrap().output;
        assert!(values(&output)[0].is_nan() && values(&output)[1].is_finite(), "{function:?}");
        assert!(values(&map::composed_forward(function, &broken).unwrap())[0].is_nan(), "{function:?}");
    }
    for function in
        [Function::Sigmoid, Function::Silu, Function::Softplus, Function::Mish, Function::Gelu { tanh: false }]
    {
        for x in [-1e4, 1e4] {
            assert!(function.value(x).is_finite() && function.derivative(x).is_finite(), "{function:?} at {x}");
        }
    }
    assert_eq!(Function::Round.value(2.5), 2.0);
    assert!(Map(Function::Clip { min: 1.0, max: 0.0 }).shape(&[&[1, 2]]).unwrap_err().contains("enclose nothing"));
}

/// ReLU6 at −1, 0, 3, 6 and 7 with gradient −1 and 1 under each rule.
#[test]
fn a_clip_from_zero_follows_the_rules_as_relu_does() {
    let points = [-1.0_f32, 0.0, 3.0, 6.0, 7.0];
    let input = Tensor::new(&[points, points], &Device::Cpu).unwrap();
    let gradient = Tensor::new(&[[1.0_f32; 5], [-1.0; 5]], &Device::Cpu).unwrap();
    let back = |function, rule| {
        let forward = Map(function).forward(&[&input], true).unwrap();
        let saved = Saved { inputs: vec![vec![2, 5]], state: forward.state };
        values(&Map(function).vjp(&gradient, 0, &saved, rule).unwrap())
    };
    let none = [0.0; 5];
    let inside = [0.0, 0.0, 1.0, 0.0, 0.0];
    assert_eq!(back(Function::RELU6, Rule::Gradient), [inside, inside.map(|g: f64| -g)].concat());
    assert_eq!(back(Function::RELU6, Rule::Guided), [inside, none].concat());
    assert_eq!(back(Function::RELU6, Rule::Deconvnet), [[1.0; 5], none].concat());
    // A clip that lets negative numbers through is no rectifier.
    let other = Function::Clip { min: -0.5, max: 6.0 };
    assert_eq!(back(other, Rule::Deconvnet), back(other, Rule::Gradient));
    assert_eq!(back(Function::Silu, Rule::Guided), back(Function::Silu, Rule::Gradient));
}

const ARITHMETIC: [Arithmetic; 7] = [
    Arithmetic::Add,
    Arithmetic::Sub,
    Arithmetic::Mul,
    Arithmetic::Div,
    Arithmetic::Pow,
    Arithmetic::Max,
    Arithmetic::Min,
];

/// Shapes of two operands: equal, a gate per channel, stretched both ways, of other rank, a bias, a single number.
const OPERANDS: [[&[usize]; 2]; 7] = [
    [&[2, 3, 4, 5], &[2, 3, 4, 5]],
    [&[2, 3, 4, 5], &[2, 3, 1, 1]],
    [&[2, 1, 1, 5], &[1, 3, 4, 1]],
    [&[2, 3, 1, 5], &[3, 4, 1]],
    [&[4], &[2, 3, 4]],
    [&[2, 3], &[1]],
    [&[1, 1, 1, 1], &[1, 1, 1, 1]],
];

#[test]
fn gradients_of_arithmetic_are_those_of_finite_differences() {
    for arithmetic in ARITHMETIC {
        for [a, b] in OPERANDS {
            let positive = |shape: &[usize], seed| (noise(shape, seed) + 1.5).unwrap();
            check_gradient(&Binary(arithmetic), &[positive(a, 1), positive(b, 2)]);
            for constant_first in [false, true] {
                check_gradient(&BinaryConstant::new(arithmetic, positive(b, 2), constant_first), &[positive(a, 1)]);
                check_gradient(&BinaryConstant::new(arithmetic, positive(a, 2), constant_first), &[positive(b, 1)]);
            }
        }
    }
}

#[test]
fn arithmetic_kernels_agree_with_their_composition() {
    for arithmetic in ARITHMETIC {
        for [a, b] in OPERANDS {
            let [a, b] = [noise(a, 3), noise(b, 4)].map(|x| (x + 1.5).unwrap());
            let layout = Broadcast::new(a.dims(), b.dims()).unwrap();
            let kernel = kernels::binary::forward(arithmetic, &a, &b, &layout).unwrap();
            let composed = binary::composed_forward(arithmetic, &a, &b).unwrap();
            assert!(difference(&kernel, &composed) < 1e-12, "{arithmetic:?}");
        }
        // Larger than one thread's part, so that segments are cut.
        let (a, b) = ((noise(&[3, 50, 151], 5) + 1.5).unwrap(), (noise(&[3, 50, 1], 6) + 1.5).unwrap());
        let layout = Broadcast::new(a.dims(), b.dims()).unwrap();
        let kernel = kernels::binary::forward(arithmetic, &a, &b, &layout).unwrap();
        assert!(difference(&kernel, &binary::composed_forward(arithmetic, &a, &b).unwrap()) < 1e-12);
    }
}

#[test]
fn arithmetic_keeps_nan_and_shares_ties() {
    let a = Tensor::new(&[f32::NAN, 1.0, 2.0, f32::INFINITY], &Device::Cpu).unwrap();
    let b = Tensor::new(&[1.0, f32::NAN, 2.0, f32::NEG_INFINITY], &Device::Cpu).unwrap();
    let layout = Broadcast::new(&[4], &[4]).unwrap();
    for arithmetic in [Arithmetic::Max, Arithmetic::Min] {
        for output in [
            kernels::binary::forward(arithmetic, &a, &b, &layout).unwrap(),
            binary::composed_forward(arithmetic, &a, &b).unwrap(),
        ] {
            let output = values(&output);
            assert!(output[0].is_nan() && output[1].is_nan() && output[2] == 2.0 && output[3].is_infinite());
        }
        let op = Binary(arithmetic);
        let saved = Saved { inputs: vec![vec![4]; 2], state: op.forward(&[&b, &b], true).unwrap().state };
        let back = op.vjp(&b.ones_like().unwrap(), 0, &saved, Rule::Gradient).unwrap();
        assert_eq!(values(&back), [0.5, 0.0, 0.5, 0.5]);
    }
    // 0 to the power of 0 is 1, and flat.
    let zero = Tensor::zeros(1, candle_core::DType::F32, &Device::Cpu).unwrap();
    let op = Binary(Arithmetic::Pow);
    let saved = Saved { inputs: vec![vec![1]; 2], state: op.forward(&[&zero, &zero], true).unwrap().state };
    for which in 0..2 {
        assert_eq!(values(&op.vjp(&zero.ones_like().unwrap(), which, &saved, Rule::Gradient).unwrap()), [0.0]);
    }
    assert!(Binary(Arithmetic::Mul).shape(&[&[2, 3], &[2, 2]]).unwrap_err().contains("do not stretch"));
}
