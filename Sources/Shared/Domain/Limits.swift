/// Every fixed limit, with its arithmetic.
///
/// Limits that an operator can set are in `ConfigurationKey`.
package enum Limits {
    // MARK: A bet

    /// A name's length is one byte on the wire and may not be 0.
    package static let maxNameBytes = 255
    package static let maxDocumentBytes = 20
    package static let maxNumber: UInt16 = 9999
    package static let minBirthdate = Birthdate(packed: 1900_01_01)
    /// Bytes of a bet without its text: number 2 + birthdate 4 + three lengths of 1.
    package static let fixedBetBytes = 9
    /// 9 + 255 + 255 + 20 = 539.
    package static let maxBetBytes = fixedBetBytes + 2 * maxNameBytes + maxDocumentBytes

    // MARK: A frame

    /// The length field itself.
    package static let frameLengthBytes = 4
    /// Length 4 + type 1 + sequence 4 + count 2.
    package static let chunkOverheadBytes = frameLengthBytes + 7
    /// A count is 16 bits wide on the wire.
    package static let maxChunkBets = 65_535
    /// The smallest frame limit that an operator can set; it must fit the largest bet: 11 + 539 = 550 < 1024.
    package static let minFrameBytes = 1024
    /// The largest frame limit that an operator can set.
    ///
    /// With a record header and a group header it must fit a commit group: 4 MiB + 36 + 48 < 8 MiB.
    package static let largestMaxFrameBytes = 4 << 20
    /// The largest frame to the winners' port.
    ///
    /// Its frames are HELLO (type 1, version 1, agency 4, two strings of 1 + 255 at most: 518) and CONSULT (5).
    package static let maxConsultFrameBytes = 1024
    /// The most bytes that one read takes from a socket of the winners' port.
    ///
    /// That is a whole frame, or 113 consultations of 9 bytes, whose answers wait in memory together.
    package static let maxConsultReadBytes = 1024
    /// The largest INFORM_AGENCY_WINNERS frame.
    ///
    /// A long list of winners is sent as several frames with `more` set, so an agency never needs more than this for one.
    package static let maxInformFrameBytes = 64 << 10
    /// The longest time that a consultation is parked, whatever it asks for, so that a vanished peer is detected.
    package static let maxWaitMilliseconds: UInt32 = 600_000

    // MARK: A draw

    package static let maxAgencies: UInt32 = 1_000_000
    /// The longest token in HELLO.
    package static let maxTokenBytes = 128

    // MARK: Names

    package static let maxDrawNameBytes = 64
    package static let maxReasonBytes = 1024

    // MARK: The ledger

    /// The alignment that O_DIRECT requires on every disk in use, and the unit to which a group is padded.
    package static let blockBytes = 4096
    /// The largest commit group, including its header and padding; recovery and every reader hold one in memory.
    package static let maxGroupBytes = 8 << 20
    /// The smallest preallocation step.
    ///
    /// Between the bounds a step is as large as the ledger, so a small ledger stays small and a large one grows in few
    /// steps.
    package static let minPreallocationBytes = 1 << 20
    package static let maxPreallocationBytes = 64 << 20

    // MARK: A connection's memory

    /// The bytes of a frame that must arrive within two seconds for it to keep its memory while others wait.
    ///
    /// A 128 kbit/s link meets it.
    package static let minProgressBytes = 32 << 10

    /// The first part of a frame of a peer without a stored chunk, which needs no reservation.
    ///
    /// HELLO proves nothing yet, so an announced length alone must not take memory from others. The first
    /// part holds the largest message of `tlv`, 8,198 bytes.
    package static let firstFrameBytes = 9 << 10

    /// The most bytes that one read takes from a socket.
    ///
    /// Bytes that are not yet framed belong to no reservation. The ingest service therefore needs at most
    /// `bufferBytes` + connections × (this + `firstFrameBytes` + 3.1 KB), plus what docs/operations.md adds.
    package static let maxReadBytes = 128 << 10
}
