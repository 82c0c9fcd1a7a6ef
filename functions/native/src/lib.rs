//! The functions served natively over hyper.
