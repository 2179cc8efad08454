import Shared

/// A chunk that was sent before.
///
/// Its connection waits for the answer, which is read from the ledger: so many of them delay each other and nobody else.
struct Repetition {
    let chunk: Chunk
    let agency: AgencyID
    let connection: IngestConnection
    /// The memory of its frame.
    let reservation: Reservation?
}
