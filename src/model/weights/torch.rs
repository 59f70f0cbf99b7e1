//! Files of `torch.save`: the zip format (since 1.6) and the stream of pickles before it.
//!
//! Both hold one pickled object whose tensors refer to storages by key; the storages lie beside it as raw numbers.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io::{Cursor, Read},
};

use zip::ZipArchive;

use super::{
    Contents,
    elements::{Element, Layout, Order},
    heap::{Heap, Object, Value},
    pickle::{self, Pickle},
};

/// The magic number that opens the legacy format, as a pickled integer.
const LEGACY_MAGIC: u128 = 0x1950_a86a_20f9_469c_fc6c;

/// The most bytes that the pickled structure itself may have; that of the largest torchvision network has 0.3 MB.
const LONGEST_PICKLE: usize = 64 << 20;

/// Where a checkpoint may keep its state dict.
const STATE_DICT_KEYS: [&str; 3] = ["state_dict", "model_state_dict", "model"];

/// Whether the bytes start as the legacy format does.
pub fn is_legacy(bytes: &[u8]) -> bool {
    pickle::read(&bytes[..bytes.len().min(64)]).is_ok_and(|first| first.root == Value::Long(LEGACY_MAGIC))
}

/// Reads the zip format.
pub fn read_zip(bytes: &[u8]) -> Result<Contents, String> {
    let damaged = |error| format!("the zip archive is damaged ({error}); copy the file again");
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    let names: Vec<String> = archive.file_names().filter_map(|name| name.ok().map(Into::into)).collect();
    let Some(prefix) = names.iter().find_map(|name| prefix_of_pickle(name)) else {
        return Err("this zip archive is not of torch.save; save the state dict with torch.save".to_owned());
    };
    if names.iter().any(|name| name.strip_prefix(prefix) == Some("constants.pkl")) {
        return Err("this is a TorchScript archive; save the model's state_dict() with torch.save instead".to_owned());
    }
    let structure = entry(&mut archive, &format!("{prefix}data.pkl"), LONGEST_PICKLE)?;
    let names_order = names.iter().any(|name| name.strip_prefix(prefix) == Some("byteorder"));
    let is_big = names_order && entry(&mut archive, &format!("{prefix}byteorder"), 16)? == b"big";
    let order = if is_big { Order::Big } else { Order::Little };
    let pickle = pickle::read(&structure)?;
    let mut plan = Plan::of(&pickle)?;

    let mut budget = bytes.len().saturating_mul(16).saturating_add(64 << 20);
    for (key, storage) in plan.storages() {
        let length = storage.bytes()?;
        budget = budget.checked_sub(length).ok_or("the archive unpacks to far more than its own size")?;
        let content = entry(&mut archive, &format!("{prefix}data/{key}"), length)?;
        plan.fill(&key, &content, order)?;
    }
    Ok(plan.contents)
}

/// The folder of `data.pkl`, with its slash.
fn prefix_of_pickle(name: &str) -> Option<&str> {
    let prefix = name.strip_suffix("data.pkl")?;
    (prefix.is_empty() || prefix.find('/') == Some(prefix.len() - 1)).then_some(prefix)
}

/// One file of the archive, of at most `limit` bytes. Memory is taken as the bytes arrive.
fn entry(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str, limit: usize) -> Result<Vec<u8>, String> {
    let problem = |error: &dyn std::fmt::Display| format!("{name} in the archive cannot be read ({error})");
    let file = archive.by_name(name).map_err(|error| problem(&error))?;
    let mut content = Vec::new();
    let read = file.take(limit as u64 + 1).read_to_end(&mut content).map_err(|error| problem(&error))?;
    if read > limit {
        return Err(format!("{name} in the archive has more than the {limit} bytes that it should have"));
    }
    Ok(content)
}

/// Reads the legacy format: five pickles (magic number, version, system, object, storage keys), then each storage
/// as its number of elements and the elements.
pub fn read_legacy(bytes: &[u8]) -> Result<Contents, String> {
    let mut at = 0;
    let mut next = || {
        let pickle = pickle::read(&bytes[at..])?;
        at += pickle.length;
        Ok::<_, String>(pickle)
    };
    let (_magic, _version, system, object, keys) = (next()?, next()?, next()?, next()?, next()?);
    let order = match lookup(&system.heap, system.root, "little_endian") {
        Some(Value::Bool(false)) => Order::Big,
        _ => Order::Little,
    };
    let mut plan = Plan::of(&object)?;
    // All storages are passed, also those of an optimiser's state that no weight lies in.
    let storages: HashMap<_, _> = object
        .heap
        .persistent_ids()
        .filter_map(|id| storage_of(&object.heap, id).ok())
        .map(|(key, storage, _)| (key, storage))
        .collect();
    let keys = keys.heap.sequence(keys.root).map(|list| list.iter().map(|&key| keys.heap.text(key)).collect());
    let keys: Vec<Option<&str>> = keys.ok_or("the list of storages is missing")?;

    for key in keys {
        let key = key.ok_or("the name of a storage is not text")?;
        let Some(storage) = storages.get(key) else {
            return Err(format!("storage {key} has no tensor that says what kind of numbers it holds"));
        };
        let rest = &bytes[at..];
        let too_short = || format!("storage {key} is cut off; copy the file again");
        let (count, rest) = rest.split_first_chunk().ok_or_else(too_short)?;
        let count = match order {
            Order::Little => u64::from_le_bytes(*count),
            Order::Big => u64::from_be_bytes(*count),
        };
        if count != storage.count as u64 {
            return Err(format!("storage {key} has {count} values where {} are announced", storage.count));
        }
        let length = storage.bytes()?;
        plan.fill(key, rest.get(..length).ok_or_else(too_short)?, order)?;
        at += 8 + length;
    }
    match plan.waiting.keys().next() {
        Some(missing) => Err(format!("storage {missing} is missing from the file")),
        None => Ok(plan.contents),
    }
}

/// One storage that tensors lie in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Storage {
    element: Element,
    /// Numbers, not bytes.
    count: usize,
}

impl Storage {
    fn bytes(self) -> Result<usize, String> {
        self.count.checked_mul(self.element.size()).ok_or_else(|| format!("{} values are impossible", self.count))
    }
}

/// The tensors of the state dict, by the storages that they wait for.
#[derive(Debug)]
struct Plan {
    waiting: BTreeMap<String, (Storage, Vec<(String, Layout)>)>,
    contents: Contents,
}

impl Plan {
    /// Finds the state dict in the pickled object, and its tensors' storages and layouts.
    fn of(pickle: &Pickle) -> Result<Self, String> {
        let heap = &pickle.heap;
        let mut contents = Contents::default();
        let entries = state_dict(pickle, &mut contents.notes)?;
        let mut waiting: BTreeMap<String, (Storage, Vec<(String, Layout)>)> = BTreeMap::new();
        let mut names = HashSet::new();
        let mut left_out = Vec::new();
        // The last of several entries with one name counts, as in Python.
        for &(name, value) in entries.iter().rev() {
            let Some(name) = heap.text(name) else {
                return Err("the state dict has a name that is not text".to_owned());
            };
            if !names.insert(name) {
                continue;
            }
            let (storage, offset, size, stride) = match heap.get(value) {
                Some(Object::Tensor { storage, offset, size, stride }) => (*storage, *offset, *size, *stride),
                Some(Object::Opaque(class)) if class.starts_with("torch.") => {
                    return Err(format!("{name} is made by {class}; save dense tensors of ordinary numbers"));
                }
                _ => {
                    left_out.push(name);
                    continue;
                }
            };
            let in_tensor = |reason: String| format!("{name}: {reason}");
            let Some(&Object::Persistent(id)) = heap.get(storage) else {
                return Err(in_tensor("it has no storage".to_owned()));
            };
            let (key, storage, shift) = storage_of(heap, id).map_err(in_tensor)?;
            let mut layout = layout_of(heap, offset, size, stride).map_err(in_tensor)?;
            layout.offset = layout.offset.checked_add(shift).ok_or("an offset is impossible")?;
            if layout.size.contains(&0) {
                left_out.push(name);
                continue;
            }
            layout.check(storage.count).map_err(in_tensor)?;
            let slot = waiting.entry(key.to_owned()).or_insert_with(|| (storage, Vec::new()));
            if slot.0 != storage {
                return Err(format!("{name}: storage {key} is announced in two ways"));
            }
            slot.1.push((name.to_owned(), layout));
        }
        if waiting.is_empty() {
            return Err("the file holds no tensors; save the model's state_dict()".to_owned());
        }
        if !left_out.is_empty() {
            left_out.sort_unstable();
            contents.notes.push(format!("Left out, as they are no tensors or empty: {}.", left_out.join(", ")));
        }
        Ok(Self { waiting, contents })
    }

    /// The storages that are needed, by key.
    fn storages(&self) -> Vec<(String, Storage)> {
        self.waiting.iter().map(|(key, (storage, _))| (key.clone(), *storage)).collect()
    }

    /// Makes the tensors that lie in a storage. Each value may be used by several tensors (tied weights), but
    /// not without end.
    fn fill(&mut self, key: &str, content: &[u8], order: Order) -> Result<(), String> {
        const MOST_USES: usize = 8;
        let Some((storage, tensors)) = self.waiting.remove(key) else { return Ok(()) };
        let length = storage.bytes()?;
        if content.len() != length {
            return Err(format!("storage {key} has {} bytes where {length} are announced", content.len()));
        }
        let values = storage.element.decode(content, order);
        let mut copied = 0;
        for (name, layout) in tensors {
            let count = layout.check(values.len())?;
            copied += count;
            if copied > values.len().saturating_mul(MOST_USES) {
                return Err(format!("storage {key} is shared by implausibly many tensors"));
            }
            self.contents.tensors.insert(name, (layout.size.clone(), layout.gather(&values, count)));
        }
        Ok(())
    }
}

/// The entries of the state dict: the object itself, or what a checkpoint keeps under a usual key.
fn state_dict<'a>(pickle: &'a Pickle, notes: &mut Vec<String>) -> Result<&'a [(Value, Value)], String> {
    let heap = &pickle.heap;
    let whole_module =
        |class: &str| format!("this is a whole pickled object of class {class}; save the model's state_dict() instead");
    let root = match heap.get(pickle.root) {
        Some(Object::Dict(entries)) => entries,
        Some(Object::Opaque(class) | Object::Global(class)) => return Err(whole_module(class)),
        Some(Object::Persistent(_)) => return Err(whole_module("torch.nn.Module")),
        _ => return Err("the file holds no state dict; save the model's state_dict()".to_owned()),
    };
    let has_tensors = |entries: &[(Value, Value)]| {
        entries.iter().any(|&(_, value)| matches!(heap.get(value), Some(Object::Tensor { .. })))
    };
    if has_tensors(root) {
        return Ok(root);
    }
    for key in STATE_DICT_KEYS {
        match lookup(heap, pickle.root, key).and_then(|value| heap.get(value)) {
            Some(Object::Dict(entries)) if has_tensors(entries) => {
                notes.push(format!("The state dict was found under `{key}` of a checkpoint."));
                return Ok(entries);
            }
            Some(Object::Opaque(class)) => return Err(whole_module(class)),
            _ => {}
        }
    }
    Err(format!("the file holds no tensors, nor a state dict under {}", STATE_DICT_KEYS.join(", ")))
}

/// The value under a text key of a dictionary.
fn lookup(heap: &Heap, dict: Value, key: &str) -> Option<Value> {
    heap.dict(dict)?.iter().rev().find(|&&(name, _)| heap.text(name) == Some(key)).map(|&(_, value)| value)
}

/// Key, kind and first element of the storage that a persistent id names:
/// `("storage", class, key, device, count[, view])`, where a view is `(key, offset, count)`.
fn storage_of(heap: &Heap, id: Value) -> Result<(&str, Storage, usize), String> {
    let Some([kind, class, key, _device, count, view @ ..]) = heap.sequence(id) else {
        return Err("its storage is not described as torch does".to_owned());
    };
    let (Some("storage"), Some(key), Some(Object::Global(class))) =
        (heap.text(*kind), heap.text(*key), heap.get(*class))
    else {
        return Err("its storage is not described as torch does".to_owned());
    };
    let element = match class.strip_prefix("torch.").unwrap_or(class) {
        "DoubleStorage" => Element::F64,
        "FloatStorage" => Element::F32,
        "HalfStorage" => Element::F16,
        "BFloat16Storage" => Element::Bf16,
        "LongStorage" => Element::I64,
        "IntStorage" => Element::I32,
        "ShortStorage" => Element::I16,
        "CharStorage" => Element::I8,
        "ByteStorage" => Element::U8,
        "BoolStorage" => Element::Bool,
        _ => return Err(format!("numbers of the kind {class} are not read")),
    };
    let shift = match view.first().and_then(|view| heap.sequence(*view)) {
        Some([_, offset, ..]) => natural(*offset)?,
        _ => 0,
    };
    Ok((key, Storage { element, count: natural(*count)? }, shift))
}

fn layout_of(heap: &Heap, offset: Value, size: Value, stride: Value) -> Result<Layout, String> {
    let numbers = |value| -> Result<Vec<usize>, String> {
        heap.sequence(value).ok_or("its size is no list")?.iter().map(|&number| natural(number)).collect()
    };
    Ok(Layout { offset: natural(offset)?, size: numbers(size)?, stride: numbers(stride)? })
}

fn natural(value: Value) -> Result<usize, String> {
    match value {
        Value::Int(number) => usize::try_from(number).map_err(|_| format!("{number} is no size")),
        other => Err(format!("{other:?} is no size")),
    }
}
