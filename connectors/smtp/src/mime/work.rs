//! What tests count: how many bytes of a mail are looked at. In programs it is nothing.

protocol::counted_work!();
