//! A reader of pickle streams that executes nothing.
//!
//! Python's pickle is a small program that builds objects. This reader knows the opcodes that `torch.save` writes
//! (protocols 2 to 5) and builds plain data from them: numbers, text, lists, dictionaries, and references to
//! tensors. A class or function outside a short list is kept as a name without meaning ([`Object::Opaque`]); it
//! is never imported or called.
//!
//! Every opcode adds at most one object, whose size is bounded by the bytes that it was read from; where objects
//! are copied, a budget is spent. So memory is bounded by the length of the stream.

use std::collections::HashMap;

use super::heap::{Heap, Object, Value};

/// One pickle that has been read.
#[derive(Debug)]
pub struct Pickle {
    pub heap: Heap,
    pub root: Value,
    /// How many bytes the stream took.
    pub length: usize,
}

/// Reads the pickle at the start of `bytes`. The error says what is wrong.
pub fn read(bytes: &[u8]) -> Result<Pickle, String> {
    let mut machine = Machine {
        bytes,
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        heap: Heap::default(),
        copies_left: bytes.len() + 4096,
    };
    let root = machine.run()?;
    Ok(Pickle { heap: machine.heap, root, length: machine.at })
}

/// The state of the stack machine.
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    /// Heights of the stack at the marks that are open.
    marks: Vec<usize>,
    memo: HashMap<usize, Value>,
    heap: Heap,
    /// How many more entries of lists, and characters of names, may be copied.
    copies_left: usize,
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Value, String> {
        loop {
            let position = self.at;
            let code = self.byte()?;
            if code == b'.' {
                return self.pop();
            }
            self.step(code).map_err(|reason| format!("{reason} (byte {position} of the pickle)"))?;
        }
    }

    fn step(&mut self, code: u8) -> Result<(), String> {
        match code {
            // PROTO and FRAME carry nothing that is needed.
            0x80 => self.byte().map(|_| ()),
            0x95 => self.take(8).map(|_| ()),

            // Constants.
            b'N' => self.push(Value::None),
            0x88 => self.push(Value::Bool(true)),
            0x89 => self.push(Value::Bool(false)),
            b'J' => {
                let value = self.array().map(i32::from_le_bytes)?;
                self.push(Value::Int(value.into()))
            }
            b'K' => {
                let value = self.byte()?;
                self.push(Value::Int(value.into()))
            }
            b'M' => {
                let value = self.array().map(u16::from_le_bytes)?;
                self.push(Value::Int(value.into()))
            }
            0x8a => {
                let length = self.byte()?.into();
                self.long(length)
            }
            0x8b => {
                let length = self.length4()?;
                self.long(length)
            }
            b'G' => {
                let value = self.array().map(f64::from_be_bytes)?;
                self.push(Value::Float(value))
            }
            b'I' => {
                let line = self.line()?;
                let value = match line {
                    "00" => Value::Bool(false),
                    "01" => Value::Bool(true),
                    digits => Value::Int(digits.parse().map_err(|_| format!("{digits:?} is not an integer"))?),
                };
                self.push(value)
            }

            // Text and bytes; Python 2 wrote its text as byte strings.
            b'X' | b'T' => {
                let length = self.length4()?;
                self.text(length)
            }
            0x8c | b'U' => {
                let length = self.byte()?.into();
                self.text(length)
            }
            0x8d => {
                let length = self.length8()?;
                self.text(length)
            }
            b'B' => {
                let length = self.length4()?;
                self.byte_string(length)
            }
            b'C' => {
                let length = self.byte()?.into();
                self.byte_string(length)
            }
            0x8e | 0x96 => {
                let length = self.length8()?;
                self.byte_string(length)
            }

            // Containers. A set has no place in weights, but may stand beside them: a list does.
            b']' | 0x8f => self.push_object(Object::List(Vec::new())),
            b')' => self.push_object(Object::Tuple(Vec::new())),
            b'}' => self.push_object(Object::Dict(Vec::new())),
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            b't' => {
                let values = self.pop_to_mark()?;
                self.push_object(Object::Tuple(values))
            }
            b'l' | 0x91 => {
                let values = self.pop_to_mark()?;
                self.push_object(Object::List(values))
            }
            b'd' => {
                let values = self.pop_to_mark()?;
                self.push_object(Object::Dict(pairs(&values)?))
            }
            0x85..=0x87 => {
                let values = self.pop_n(usize::from(code - 0x84))?;
                self.push_object(Object::Tuple(values))
            }
            b'a' => {
                let values = self.pop_n(1)?;
                self.append(&values)
            }
            b'e' | 0x90 => {
                let values = self.pop_to_mark()?;
                self.append(&values)
            }
            b's' => {
                let values = self.pop_n(2)?;
                self.set_items(&values)
            }
            b'u' => {
                let values = self.pop_to_mark()?;
                self.set_items(&values)
            }

            // The stack and the memo.
            b'0' => self.pop().map(|_| ()),
            b'1' => self.pop_to_mark().map(|_| ()),
            b'2' => {
                let value = self.top()?;
                self.push(value)
            }
            b'q' => {
                let key = self.byte()?.into();
                self.memoize(key)
            }
            b'r' => {
                let key = self.length4()?;
                self.memoize(key)
            }
            0x94 => self.memoize(self.memo.len()),
            b'h' => {
                let key = self.byte()?.into();
                self.recall(key)
            }
            b'j' => {
                let key = self.length4()?;
                self.recall(key)
            }

            // Classes, functions and what is made with them.
            b'c' => {
                let module = self.line()?.to_owned();
                let name = self.line()?;
                let global = bounded_name(&module, name)?;
                self.push_object(Object::Global(global))
            }
            0x93 => {
                let names = self.pop_n(2)?;
                let (Some(module), Some(name)) = (self.heap.text(names[0]), self.heap.text(names[1])) else {
                    return Err("a class has no name".to_owned());
                };
                let global = bounded_name(module, name)?;
                self.push_object(Object::Global(global))
            }
            b'R' | 0x81 => {
                let values = self.pop_n(2)?;
                self.call(values[0], values[1])
            }
            0x92 => {
                let values = self.pop_n(3)?;
                self.call(values[0], values[1])
            }
            b'b' => {
                // The state of an object. For a dictionary these are attributes such as `_metadata`, which carry
                // no weights; an opaque object stays one.
                self.pop().map(|_| ())
            }
            b'Q' => {
                let id = self.pop()?;
                self.push_object(Object::Persistent(id))
            }
            other => Err(format!("opcode 0x{other:02x} is not one that torch.save writes")),
        }
    }

    /// The few calls that have a meaning here; all others give an opaque object.
    fn call(&mut self, callable: Value, arguments: Value) -> Result<(), String> {
        let name = match self.heap.get(callable) {
            Some(Object::Global(name) | Object::Opaque(name)) => name.as_str(),
            // The legacy format writes the class of a module by a persistent id.
            Some(Object::Persistent(_)) => "torch.nn.Module",
            _ => return Err("something that is not a class is called".to_owned()),
        };
        let Some(arguments) = self.heap.sequence(arguments) else {
            return Err(format!("{name} is called without a list of arguments"));
        };
        let object = match (name, arguments) {
            ("collections.OrderedDict", []) => Object::Dict(Vec::new()),
            ("collections.OrderedDict", [entries]) => {
                let entries = self.heap.sequence(*entries).ok_or("an OrderedDict is made of no list")?;
                let pair = |entry: &Value| match self.heap.sequence(*entry) {
                    Some([key, value]) => Ok((*key, *value)),
                    _ => Err("an entry of an OrderedDict is not a pair"),
                };
                Object::Dict(entries.iter().map(pair).collect::<Result<_, _>>()?)
            }
            (
                "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor",
                [storage, offset, size, stride, ..],
            ) => Object::Tensor { storage: *storage, offset: *offset, size: *size, stride: *stride },
            ("torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state", [tensor, ..]) => {
                return self.push(*tensor);
            }
            ("torch.Size", [sizes]) => {
                let sizes = self.heap.sequence(*sizes).ok_or("a torch.Size is made of no list")?;
                Object::Tuple(sizes.to_vec())
            }
            _ => Object::Opaque(name.to_owned()),
        };
        let copied = match &object {
            Object::Dict(entries) => entries.len(),
            Object::Tuple(values) => values.len(),
            Object::Opaque(name) => name.len() / 32,
            _ => 0,
        };
        self.copies_left = self.copies_left.checked_sub(copied).ok_or("the same list is copied again and again")?;
        self.push_object(object)
    }

    fn append(&mut self, values: &[Value]) -> Result<(), String> {
        let Value::Object(id) = self.top()? else { return Err("something is appended to no list".to_owned()) };
        match self.heap.object_mut(id) {
            Some(Object::List(list)) => list.extend_from_slice(values),
            Some(Object::Opaque(_)) => {}
            _ => return Err("something is appended to no list".to_owned()),
        }
        Ok(())
    }

    fn set_items(&mut self, values: &[Value]) -> Result<(), String> {
        let Value::Object(id) = self.top()? else { return Err("an entry is set in no dictionary".to_owned()) };
        match self.heap.object_mut(id) {
            Some(Object::Dict(entries)) => entries.extend(pairs(values)?),
            Some(Object::Opaque(_)) => {}
            _ => return Err("an entry is set in no dictionary".to_owned()),
        }
        Ok(())
    }

    fn long(&mut self, length: usize) -> Result<(), String> {
        let bytes = self.take(length)?;
        let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
        let mut wide = [if negative { 0xff } else { 0 }; 16];
        let kept = length.min(16);
        wide[..kept].copy_from_slice(&bytes[..kept]);
        let wide = u128::from_le_bytes(wide);
        let value = match i64::try_from(wide.cast_signed()) {
            Ok(small) if length <= 16 => Value::Int(small),
            _ => Value::Long(wide),
        };
        self.push(value)
    }

    fn text(&mut self, length: usize) -> Result<(), String> {
        let bytes = self.take(length)?;
        let text = String::from_utf8_lossy(bytes).into_owned();
        self.push_object(Object::Text(text))
    }

    fn byte_string(&mut self, length: usize) -> Result<(), String> {
        let bytes = self.take(length)?.to_vec();
        self.push_object(Object::Bytes(bytes))
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "every instruction gives the same type, so that the table reads evenly"
    )]
    fn push(&mut self, value: Value) -> Result<(), String> {
        self.stack.push(value);
        Ok(())
    }

    fn push_object(&mut self, object: Object) -> Result<(), String> {
        let value = self.heap.add(object);
        self.push(value)
    }

    /// The lowest height to which the stack may shrink.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Value, String> {
        self.stack[self.floor()..].last().copied().ok_or_else(empty_stack)
    }

    fn pop(&mut self) -> Result<Value, String> {
        if self.stack.len() <= self.floor() {
            return Err(empty_stack());
        }
        self.stack.pop().ok_or_else(empty_stack)
    }

    fn pop_n(&mut self, count: usize) -> Result<Vec<Value>, String> {
        if self.stack.len() < self.floor() + count {
            return Err(empty_stack());
        }
        Ok(self.stack.split_off(self.stack.len() - count))
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.marks.pop().ok_or("a mark is missing")?;
        Ok(self.stack.split_off(mark))
    }

    fn memoize(&mut self, key: usize) -> Result<(), String> {
        let value = self.top()?;
        self.memo.insert(key, value);
        Ok(())
    }

    fn recall(&mut self, key: usize) -> Result<(), String> {
        let value = *self.memo.get(&key).ok_or("an object is recalled that was never stored")?;
        self.push(value)
    }

    fn take(&mut self, length: usize) -> Result<&[u8], String> {
        let left = self.bytes.len() - self.at;
        if length > left {
            return Err(format!("the pickle ends early: {length} bytes are needed, {left} are left"));
        }
        let taken = &self.bytes[self.at..self.at + length];
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn byte(&mut self) -> Result<u8, String> {
        self.array().map(|[byte]| byte)
    }

    fn length4(&mut self) -> Result<usize, String> {
        self.array().map(|bytes| u32::from_le_bytes(bytes) as usize)
    }

    fn length8(&mut self) -> Result<usize, String> {
        let length = self.array().map(u64::from_le_bytes)?;
        usize::try_from(length).map_err(|_| format!("a length of {length} is impossible"))
    }

    /// The text up to the next line feed.
    fn line(&mut self) -> Result<&str, String> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|&byte| byte == b'\n').ok_or("the pickle ends within a line")?;
        self.at += length + 1;
        std::str::from_utf8(&rest[..length]).map_err(|_| "a name is not UTF-8".to_owned())
    }
}

fn empty_stack() -> String {
    "the stack is empty".to_owned()
}

/// `module.name`. Its length is bounded, as the same texts can be recalled for name after name.
fn bounded_name(module: &str, name: &str) -> Result<String, String> {
    const LONGEST: usize = 1024;
    if module.len() + name.len() > LONGEST {
        return Err(format!("the name of a class has more than {LONGEST} characters"));
    }
    Ok(format!("{module}.{name}"))
}

/// Values in turn as keys and values.
fn pairs(values: &[Value]) -> Result<Vec<(Value, Value)>, String> {
    let (pairs, rest) = values.as_chunks::<2>();
    if rest.is_empty() {
        Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
    } else {
        Err("a key has no value".to_owned())
    }
}
