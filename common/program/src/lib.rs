//! What programs that serve the open network have in common.

mod allocator;
mod descriptors;
mod places;
mod seldom;

pub use descriptors::raise_descriptors;
pub use places::{Place, Places};
pub use seldom::Seldom;
