//! Explanation methods, one file each, written against the graph and a trace of it.
