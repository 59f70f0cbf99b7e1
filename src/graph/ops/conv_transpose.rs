//! Two-dimensional transposed convolution.

use candle_core::{Tensor, bail};

use super::super::support::{Span, Support};
use super::{
    super::{
        Control,
        kernels::{conv, serve},
        op::{Forward, Op, Result, Rule, Saved},
    },
    binary::Arithmetic,
    conv::{Conv2d, Sizes, composed_forward, composed_vjp},
    count, image_shape,
};

/// Transposed convolution with weights of shape `[in, out / groups, rows, columns]`: the way back of the convolution
/// that has the same weights, with a bias.
#[derive(Debug)]
pub struct ConvTranspose2d {
    /// The convolution whose way back this is.
    pub(super) conv: Conv2d,
    bias: Option<Tensor>,
    output_padding: [usize; 2],
}

impl ConvTranspose2d {
    /// A transposed convolution with stride 1, no padding, no dilation and one group; `bias` of shape `[out]`.
    ///
    /// # Errors
    /// When the weight hasn't four dimensions or the bias has not one.
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Result<Self> {
        if let Some(bias) = &bias
            && bias.rank() != 1
        {
            bail!("a bias of shape {:?}", bias.dims());
        }
        Ok(Self { conv: Conv2d::new(weight, None)?, bias, output_padding: [0; 2] })
    }

    /// The same with the input's elements this far apart in the output, along rows and columns.
    #[must_use]
    pub fn stride(mut self, stride: [usize; 2]) -> Self {
        self.conv = self.conv.stride(stride);
        self
    }

    /// The same with so many rows and columns cut off the output on both sides.
    #[must_use]
    pub fn padding(mut self, padding: [usize; 2]) -> Self {
        self.conv = self.conv.padding(padding);
        self
    }

    /// The same with so many rows and columns cut off the output's end; [`ConvTranspose2d::padding`] stays before.
    #[must_use]
    pub fn padding_end(mut self, padding: [usize; 2]) -> Self {
        self.conv = self.conv.padding_end(padding);
        self
    }

    /// The same with so many rows and columns more at the output's end.
    #[must_use]
    pub fn output_padding(mut self, output_padding: [usize; 2]) -> Self {
        self.output_padding = output_padding;
        self
    }

    /// The same with these distances between the places of the kernel.
    #[must_use]
    pub fn dilation(mut self, dilation: [usize; 2]) -> Self {
        self.conv = self.conv.dilation(dilation);
        self
    }

    /// The same with channels in groups that do not mix.
    #[must_use]
    pub fn groups(mut self, groups: usize) -> Self {
        self.conv = self.conv.groups(groups);
        self
    }

    /// The weights, `[in, out / groups, rows, columns]`.
    #[must_use]
    pub fn weight(&self) -> &Tensor {
        self.conv.weight()
    }

    /// The bias, `[out]`.
    #[must_use]
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    /// How many groups of channels do not mix.
    #[must_use]
    pub fn group_count(&self) -> usize {
        self.conv.group_count()
    }

    /// The sizes of the convolution whose output is this operation's input.
    pub(super) fn sizes(&self, shape: &[usize]) -> Result<Sizes, String> {
        let conv = &self.conv;
        let &[inputs, outputs, height, width] = conv.weight.dims() else {
            return Err("its weights lack a dimension".to_owned());
        };
        let groups = conv.groups;
        if groups == 0 || inputs % groups != 0 {
            return Err(format!("{inputs} channels cannot be in {groups} groups"));
        }
        if shape[1] != inputs {
            return Err(format!("it takes {inputs} channels, not {}", shape[1]));
        }
        if let Some(bias) = &self.bias
            && bias.elem_count() != outputs * groups
        {
            return Err(format!("its bias has {} elements for {} channels", bias.elem_count(), outputs * groups));
        }
        let kernel = [height, width];
        let mut whole = [0; 2];
        for axis in 0..2 {
            let (stride, dilation, extra) = (conv.stride[axis], conv.dilation[axis], self.output_padding[axis]);
            if stride == 0 || dilation == 0 || kernel[axis] == 0 || extra >= stride.max(dilation) {
                return Err(format!(
                    "a kernel of {} places (dilation {dilation}, stride {stride}) with {extra} more at the end makes \
                     no sense",
                    kernel[axis]
                ));
            }
            let reached = (shape[2 + axis] - 1) * stride + conv.reach(kernel)[axis] + 1 + extra;
            whole[axis] = reached
                .checked_sub(conv.padded()[axis])
                .filter(|&length| length > 0)
                .ok_or_else(|| format!("nothing is left of {reached} places without {}", conv.padded()[axis]))?;
        }
        Ok(Sizes {
            batch: shape[0],
            groups,
            inputs: outputs,
            outputs: inputs / groups,
            input: whole,
            output: [shape[2], shape[3]],
            kernel,
        })
    }
}

impl ConvTranspose2d {
    /// For each place of the output along an axis the first and last place of the input that reach it.
    fn windows(&self, sizes: Sizes, axis: usize) -> Span {
        let (stride, dilation, before) = (self.conv.stride[axis], self.conv.dilation[axis], self.conv.padding[axis]);
        let window = |at: usize| {
            let reaching = (0..sizes.kernel[axis]).filter_map(|k| {
                let offset = (at + before).checked_sub(k * dilation)?;
                let place = offset / stride;
                (offset % stride == 0 && place < sizes.output[axis]).then_some(place)
            });
            // The further a place of the kernel, the earlier the input's.
            let mut reaching = reaching.peekable();
            let last = *reaching.peek()?;
            Some((reaching.last()?, last))
        };
        Span::Listed((0..sizes.input[axis]).map(window).collect())
    }
}

impl Op for ConvTranspose2d {
    fn kind(&self) -> &'static str {
        "ConvTranspose2d"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let sizes = self.sizes(&image_shape(inputs)?)?;
        Ok(vec![sizes.batch, sizes.groups * sizes.inputs, sizes.input[0], sizes.input[1]])
    }

    fn support(&self, inputs: &[&[usize]], which: usize) -> Support {
        match self.sizes(inputs[which]) {
            Ok(sizes) => Support::Windows([0, 1].map(|axis| self.windows(sizes, axis))),
            Err(_) => Support::Everything,
        }
    }

    fn forward(&self, inputs: &[&Tensor], record: bool) -> Result<Forward> {
        self.forward_under(inputs, record, &Control::default())
    }

    fn forward_under(&self, inputs: &[&Tensor], _record: bool, control: &Control) -> Result<Forward> {
        let input = inputs[0];
        let sizes = self.sizes(input.dims()).map_err(candle_core::Error::msg)?;
        let spread = if serve(input) {
            conv::vjp(&self.conv, input, sizes, control)?
        } else {
            composed_vjp(&self.conv, input, sizes)?
        };
        Ok(Forward::stateless(match &self.bias {
            Some(bias) => Arithmetic::Add.forward(&spread, &bias.reshape((bias.elem_count(), 1, 1))?)?,
            None => spread,
        }))
    }

    fn vjp(&self, gradient: &Tensor, which: usize, saved: &Saved, rule: Rule) -> Result<Tensor> {
        self.vjp_under(gradient, which, saved, rule, &Control::default())
    }

    fn vjp_under(
        &self,
        gradient: &Tensor,
        which: usize,
        saved: &Saved,
        _rule: Rule,
        control: &Control,
    ) -> Result<Tensor> {
        let sizes = self.sizes(&saved.inputs[which]).map_err(candle_core::Error::msg)?;
        if serve(gradient) {
            return conv::forward(&self.conv, gradient, sizes, control);
        }
        // With more at the end than the stride the convolution has places to spare.
        let [rows, columns] = sizes.output;
        composed_forward(&self.conv, gradient)?.narrow(2, 0, rows)?.narrow(3, 0, columns)?.contiguous()
    }

    fn macs(&self, inputs: &[&[usize]], _output: &[usize]) -> u64 {
        inputs.first().map_or(0, |input| count(input)) * count(&self.weight().dims()[1..])
    }

    fn parameters(&self) -> usize {
        self.weight().elem_count() + self.bias.as_ref().map_or(0, Tensor::elem_count)
    }

    fn weights(&self) -> Vec<(&'static str, &Tensor)> {
        [("weight", Some(self.weight())), ("bias", self.bias())]
            .into_iter()
            .filter_map(|(name, tensor)| Some((name, tensor?)))
            .collect()
    }
}
