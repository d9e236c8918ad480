//! The administrators: who they are, how they sign in, and for how long.
//!
//! [`Accounts`] is all of it for one gateway. Kept out: HTTP. Pages, cookies and headers are the [`admin`](crate::admin) module's.

mod current;
mod model;
mod password;
mod read;
mod refused;
mod sessions;
mod set_up;
mod sign_in;
mod throttle;
mod write;

pub use current::CurrentUsers;
pub use model::{ApiToken, TOKEN_PREFIX, User, UserName, Users};
pub use password::{Hasher, MIN_LENGTH, Memory, Password, PasswordHash, UnfitPassword};
pub use read::{Loaded, load};
pub use refused::{ChangeError, Closed, Gone, SetUpError, SignInError};
pub use sessions::{IDLE, LONGEST, Live, NewSession, Sessions};
pub use set_up::GOOD_FOR;
pub use sign_in::Accounts;
pub use throttle::Throttle;
pub use write::{WriteError, change};
