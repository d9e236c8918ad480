//! Who signs in here: who they are, how they do it, and for how long. The administrators, and the users of the dance where the gateway
//! has them, each in a file of their own.
//!
//! [`Accounts`] is all of it for one file. Kept out: HTTP. Pages, cookies and headers are the [`admin`](crate::admin) and
//! [`dance`](crate::dance) modules'.

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
