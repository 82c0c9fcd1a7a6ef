//! What tests count: how many bytes of a text from outside, such as the parameters or conditions of a request, are looked
//! at. In programs it is nothing.

protocol::counted_work!();
