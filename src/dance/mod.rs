//! The three-legged dance.
