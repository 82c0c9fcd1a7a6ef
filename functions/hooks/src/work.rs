//! What tests count: how many bytes or characters of a text from outside are looked at. In programs it is nothing.

protocol::counted_work!();
