//! A store on a disk that fails, and in files that are damaged.

use super::*;

/// A disk on which the operations with these numbers fail, and half of what is written arrives.
#[derive(Debug)]
struct Failing {
    at: Vec<u32>,
    done: u32,
    kind: io::ErrorKind,
}

impl Failing {
    fn new(at: &[u32], kind: io::ErrorKind) -> Self {
        Self {
            at: at.to_vec(),
            done: 0,
            kind,
        }
    }

    fn fails(&mut self) -> io::Result<()> {
        self.done += 1;
        match self.at.contains(&self.done) {
            true => Err(self.kind.into()),
            false => Ok(()),
        }
    }
}

impl Disk for Failing {
    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.fails() {
            file.write_all(&bytes[..bytes.len() / 2])?;
            return Err(error);
        }
        file.write_all(bytes)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        self.fails()?;
        file.sync_data()
    }

    fn cut(&mut self, file: &File, length: u64) -> io::Result<()> {
        self.fails()?;
        file.set_len(length)
    }

    fn may_create(&mut self) -> io::Result<()> {
        self.fails()
    }
}

fn record(number: u64) -> Vec<u8> {
    format!("{{\"id\":{number}}}").into_bytes()
}

fn frames(numbers: std::ops::Range<u64>) -> Vec<u8> {
    let mut frames = Vec::new();
    numbers.for_each(|number| frame::write(&mut frames, &record(number)));
    frames
}

fn found(dir: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    Store::open(dir, 1_000, |_, record| found.push(record.to_vec())).unwrap();
    found
}

fn records(numbers: impl Iterator<Item = u64>) -> Vec<Vec<u8>> {
    numbers.map(record).collect()
}

#[test]
fn whatever_fails_only_what_was_acknowledged_is_there_and_all_of_it() {
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
        // Each operation alone, and each with the next ones after it.
        for first in 1..14 {
            for length in 1..5 {
                let dir = tempfile::tempdir().unwrap();
                let at: Vec<u32> = (first..first + length).collect();
                let disk = Box::new(Failing::new(&at, kind));
                let mut store = match Store::open_on(disk, dir.path(), 30, |_, _| {}) {
                    Ok(store) => store,
                    Err(error) => {
                        // Only a full disk lets it begin.
                        assert_eq!((error.kind(), kind, first), (kind, io::ErrorKind::Other, 1));
                        continue;
                    }
                };
                let (mut next, mut failures) = (0, 0);
                while next < 8 {
                    match store.append(&frames(next..next + 2), 2) {
                        Ok(()) => next += 2,
                        Err(error) => {
                            assert_eq!(error.kind(), kind);
                            failures += 1;
                            // A crash here: nothing of what was not acknowledged must be needed, and all else is there.
                            let known = copy(dir.path());
                            let seen = found(known.path());
                            assert!(seen.len() as u64 >= next, "{seen:?}");
                            assert_eq!(seen[..next as usize], records(0..next));
                        }
                    }
                    assert!(failures <= length, "it recovers when there is room");
                }
                let end = store.end();
                drop(store);
                assert_eq!(end, 8);
                assert_eq!(found(dir.path()), records(0..8), "{kind} {first} {length}");
            }
        }
    }
}

/// What a crash would leave.
fn copy(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

#[test]
fn what_cannot_be_replaced_leaves_no_half_behind() {
    let dir = tempfile::tempdir().unwrap();
    // A folder in its place cannot be replaced by a file.
    fs::create_dir(dir.path().join("cursor")).unwrap();
    assert!(write_atomically(dir.path(), "cursor", b"1").is_err());
    assert!(!dir.path().join("cursor.new").exists());
}

#[test]
fn a_damaged_record_stops_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path(), 1_000, |_, _| {}).unwrap();
    store.append(&frames(0..6), 6).unwrap();
    store.save_cursor(4).unwrap();
    drop(store);
    let path = Segment::path(dir.path(), 0);
    let mut bytes = fs::read(&path).unwrap();
    let size = bytes.len() / 6;
    // The length of one, the text of another.
    bytes[2 * size] ^= 0xff;
    bytes[4 * size + frame::HEADER + 3] ^= 0xff;
    fs::write(&path, &bytes).unwrap();
    let good = || records([0, 1, 3, 5].into_iter());
    assert_eq!(found(dir.path()), good());
    // Nothing is left out of what was not published.
    let store = Store::open(dir.path(), 1_000, |_, _| {}).unwrap();
    assert_eq!((store.cursor(), store.end()), (2, 4));
    let mut reader = Reader::default();
    let read = reader
        .read(dir.path(), &store.segments(), 2, 9, 999)
        .unwrap();
    assert_eq!(read, [(2, record(3)), (3, record(5))]);
    drop(store);
    assert_eq!(found(dir.path()), good());
    let damaged = fs::read_dir(dir.path()).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_str().unwrap().ends_with(".damaged")
    });
    assert_eq!(damaged.count(), 2);
}

#[test]
fn what_is_published_makes_room_although_there_is_none_for_the_next_segment() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path(), 30, |_, _| {}).unwrap();
    store.append(&frames(0..6), 6).unwrap();
    store.disk = Box::new(Failing::new(&[1], io::ErrorKind::StorageFull));
    store.trim(6).unwrap();
    assert_eq!((store.bytes(), store.start(), store.end()), (0, 6, 6));
    assert!(!Segment::path(dir.path(), 0).exists());
    store.append(&frames(6..8), 2).unwrap();
    assert_eq!((store.start(), store.end()), (6, 8));
    drop(store);
    assert_eq!(found(dir.path()), records(6..8));
}
