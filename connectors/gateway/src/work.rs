//! What tests count: how many bytes and entries of what clients send are looked at. In programs it is nothing.

protocol::counted_work!();
