//! The three-legged dance: who gives which consumer a token, and takes it back (RFC 5849 §2).
//!
//! [`signed`] answers consumers; the pages answer the resource owner at a browser. Kept out: tokens' own rules, which are
//! [`tokens`](crate::tokens)', and the proof of a signature.

mod answer;
pub mod callback;
mod consent;
mod cookies;
mod desk;
mod doorkeeper;
mod endpoint;
mod layout;
mod links;
mod owner;
mod sign_in;
pub mod signed;
mod user_tokens;
mod visit;

pub use answer::DanceAnswer;
pub use cookies::take_off_our_cookies;
pub use desk::Desk;
pub use doorkeeper::Doorkeeper;
pub use endpoint::{Endpoint, Page};
pub use links::Links;
pub use owner::Probed;
pub use visit::{Fields, Visit};
