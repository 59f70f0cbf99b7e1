//! The data that a pickle describes.

/// The place of an object in a [`Heap`].
pub type Id = usize;

/// A value on the stack: small, or a reference to an object that may be shared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// An integer too long for 64 bits (the magic number of the legacy format is one), by its lowest 128 bits.
    Long(u128),
    Float(f64),
    Object(Id),
}

/// An object of the pickled data.
#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Tuple(Vec<Value>),
    /// Entries in the order in which they were written; a key may occur twice, the last one counts.
    Dict(Vec<(Value, Value)>),
    /// A class or function, as `module.name`.
    Global(String),
    /// What a persistent id stands for.
    Persistent(Value),
    /// A tensor: what `torch._utils._rebuild_tensor_v2` was given.
    Tensor {
        storage: Value,
        offset: Value,
        size: Value,
        stride: Value,
    },
    /// An object of a class that this reader has no meaning for.
    Opaque(String),
}

/// All objects of one pickle.
#[derive(Debug, Default)]
pub struct Heap {
    objects: Vec<Object>,
}

impl Heap {
    /// The object that a value refers to.
    pub fn get(&self, value: Value) -> Option<&Object> {
        match value {
            Value::Object(id) => self.objects.get(id),
            _ => None,
        }
    }

    /// What each persistent id stands for.
    pub fn persistent_ids(&self) -> impl Iterator<Item = Value> {
        self.objects.iter().filter_map(|object| match object {
            Object::Persistent(id) => Some(*id),
            _ => None,
        })
    }

    /// The value as text.
    pub fn text(&self, value: Value) -> Option<&str> {
        match self.get(value)? {
            Object::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value as the elements of a tuple or list.
    pub fn sequence(&self, value: Value) -> Option<&[Value]> {
        match self.get(value)? {
            Object::Tuple(values) | Object::List(values) => Some(values),
            _ => None,
        }
    }

    /// The value as the entries of a dictionary.
    pub fn dict(&self, value: Value) -> Option<&[(Value, Value)]> {
        match self.get(value)? {
            Object::Dict(entries) => Some(entries),
            _ => None,
        }
    }

    /// Puts an object on the heap.
    pub fn add(&mut self, object: Object) -> Value {
        self.objects.push(object);
        Value::Object(self.objects.len() - 1)
    }

    /// The object at a place, to add to it.
    pub fn object_mut(&mut self, id: Id) -> Option<&mut Object> {
        self.objects.get_mut(id)
    }
}
