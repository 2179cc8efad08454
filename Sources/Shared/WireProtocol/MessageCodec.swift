import Domain

extension Message {
    /// Reads a frame without its length.
    ///
    /// - Throws: ``MessageFault`` for a type, field or length that this version does not have; the connection cannot be
    ///   trusted afterwards.
    package init(frame: [UInt8]) throws(MessageFault) {
        var reader = ByteReader(frame)
        let code = try reader.readInteger(UInt8.self)
        guard let type = MessageType(rawValue: code) else { throw .unknownType(code) }
        switch type {
        case .sendChunk, .sendLastChunk:
            self = .chunk(
                Chunk(
                    isLast: type == .sendLastChunk,
                    sequence: try reader.readInteger(),
                    count: Int(try reader.readInteger(UInt16.self)),
                    frame: frame))
            return  // BetColumns checks the bets after the count
        case .hello:
            let version = try reader.readInteger(UInt8.self)
            guard Message.versions.contains(version) else {
                // The fields that follow another version's number are unknown.
                self = .hello(Hello(version: version, agency: AgencyID(0)))
                return
            }
            self = .hello(
                Hello(
                    version: version,
                    agency: AgencyID(try reader.readInteger()),
                    draw: try reader.readString8(),
                    token: try reader.readString8()))
        case .consultAgencyWinners:
            self = .consultWinners(waitMilliseconds: try reader.readInteger())
        case .welcome:
            self = .welcome(try Welcome(&reader))
        case .chunkProcessed:
            self = .chunkProcessed(
                ChunkProcessed(
                    sequence: try reader.readInteger(),
                    count: try reader.readInteger(),
                    firstBetIndex: try reader.readInteger()))
        case .chunkRejected:
            self = .chunkRejected(try ChunkRejected(&reader))
        case .informAgencyWinners:
            self = .winners(try Winners(&reader))
        case .notDrawnYet:
            self = .notDrawnYet(
                NotDrawnYet(
                    finishedAgencies: try reader.readInteger(),
                    expectedAgencies: try reader.readInteger(),
                    retryAfterMilliseconds: try reader.readInteger()))
        case .error:
            self = .error(ErrorCode(rawValue: try reader.readInteger()), try reader.readString16())
        }
        try reader.finish()
    }

    /// Appends length, type and body.
    package func encode(into bytes: inout [UInt8]) {
        let start = bytes.count
        bytes.append(bigEndian: UInt32(0))
        encodeFrame(into: &bytes)
        let length = UInt32(bytes.count - start - Limits.frameLengthBytes).bigEndian
        withUnsafeBytes(of: length) { field in
            for index in 0..<Limits.frameLengthBytes { bytes[start + index] = field[index] }
        }
    }

    /// Length, type and body.
    package var encoded: [UInt8] {
        var bytes: [UInt8] = []
        encode(into: &bytes)
        return bytes
    }

    private func encodeFrame(into bytes: inout [UInt8]) {
        switch self {
        case .hello(let hello):
            bytes.append(MessageType.hello.rawValue)
            bytes.append(hello.version)
            bytes.append(bigEndian: hello.agency.rawValue)
            bytes.append(string8: hello.draw)
            bytes.append(string8: hello.token)
        case .chunk(let chunk):
            bytes.append(contentsOf: chunk.frame)
        case .consultWinners(let waitMilliseconds):
            bytes.append(MessageType.consultAgencyWinners.rawValue)
            bytes.append(bigEndian: waitMilliseconds)
        case .welcome(let welcome):
            welcome.encode(into: &bytes)
        case .chunkProcessed(let processed):
            bytes.append(MessageType.chunkProcessed.rawValue)
            bytes.append(bigEndian: processed.sequence)
            bytes.append(bigEndian: processed.count)
            bytes.append(bigEndian: processed.firstBetIndex)
        case .chunkRejected(let rejected):
            bytes.append(MessageType.chunkRejected.rawValue)
            bytes.append(bigEndian: rejected.sequence)
            bytes.append(rejected.code.rawValue)
            bytes.append(bigEndian: rejected.betIndex)
            bytes.append(string16: rejected.message)
        case .winners(let winners):
            bytes.append(MessageType.informAgencyWinners.rawValue)
            bytes.append(bigEndian: winners.winningNumber)
            bytes.append(winners.hasMore ? 1 : 0)
            bytes.append(bigEndian: UInt32(winners.documents.count))
            for document in winners.documents { bytes.append(string8: document) }
        case .notDrawnYet(let answer):
            bytes.append(MessageType.notDrawnYet.rawValue)
            bytes.append(bigEndian: answer.finishedAgencies)
            bytes.append(bigEndian: answer.expectedAgencies)
            bytes.append(bigEndian: answer.retryAfterMilliseconds)
        case .error(let code, let message):
            bytes.append(MessageType.error.rawValue)
            bytes.append(bigEndian: code.rawValue)
            bytes.append(string16: message)
        }
    }
}

extension Welcome {
    fileprivate init(_ reader: inout ByteReader) throws(MessageFault) {
        self.init(
            nextSequence: try reader.readInteger(),
            storedBets: try reader.readInteger(),
            rejectedBets: try reader.readInteger(),
            maxFrameBytes: try reader.readInteger(),
            window: try reader.readInteger(),
            isFinished: try reader.readInteger(UInt8.self) != 0,
            draw: try reader.readString8(),
            stream: reader.remainingBytes > 0 ? try StreamRecord(&reader) : nil,
            time: reader.remainingBytes > 0 ? try DrawTime(&reader) : nil)
    }

    fileprivate func encode(into bytes: inout [UInt8]) {
        bytes.append(MessageType.welcome.rawValue)
        bytes.append(bigEndian: nextSequence)
        bytes.append(bigEndian: storedBets)
        bytes.append(bigEndian: rejectedBets)
        bytes.append(bigEndian: maxFrameBytes)
        bytes.append(bigEndian: window)
        bytes.append(isFinished ? 1 : 0)
        bytes.append(string8: draw)
        stream?.encode(into: &bytes)
        if stream != nil { time?.encode(into: &bytes) }
    }
}

extension DrawTime {
    fileprivate init(_ reader: inout ByteReader) throws(MessageFault) {
        let (now, cutOff): (UInt64, UInt64) = (try reader.readInteger(), try reader.readInteger())
        self.init(
            now: Instant(milliseconds: now), cutOff: cutOff == 0 ? nil : Instant(milliseconds: cutOff))
    }

    fileprivate func encode(into bytes: inout [UInt8]) {
        bytes.append(bigEndian: now.milliseconds)
        bytes.append(bigEndian: cutOff?.milliseconds ?? 0)
    }
}

extension StreamRecord {
    fileprivate init(_ reader: inout ByteReader) throws(MessageFault) {
        let outcome = try reader.readInteger(UInt8.self)
        let (lastCount, lastChecksum): (UInt16, UInt32) = (try reader.readInteger(), try reader.readInteger())
        let isKnown = try reader.readInteger(UInt8.self) != 0
        let checksum: UInt32 = try reader.readInteger()
        self.init(
            lastChunk: LastChunk(rawValue: outcome) ?? .none, lastCount: lastCount, lastChecksum: lastChecksum,
            checksum: isKnown ? checksum : nil)
    }

    fileprivate func encode(into bytes: inout [UInt8]) {
        bytes.append(lastChunk.rawValue)
        bytes.append(bigEndian: lastCount)
        bytes.append(bigEndian: lastChecksum)
        bytes.append(checksum == nil ? 0 : 1)
        bytes.append(bigEndian: checksum ?? 0)
    }
}

extension ChunkRejected {
    fileprivate init(_ reader: inout ByteReader) throws(MessageFault) {
        self.init(
            sequence: try reader.readInteger(), code: RejectionCode(rawValue: try reader.readInteger()),
            betIndex: try reader.readInteger(), message: try reader.readString16())
    }
}

extension Winners {
    fileprivate init(_ reader: inout ByteReader) throws(MessageFault) {
        let winningNumber = try reader.readInteger(UInt16.self)
        let hasMore = try reader.readInteger(UInt8.self) != 0
        let count = Int(try reader.readInteger(UInt32.self))
        // A document takes at least two bytes; an impossible count must not reserve memory.
        guard count <= reader.remainingBytes / 2 else {
            throw .truncated(atByte: reader.bytes.count)
        }
        var documents: [String] = []
        documents.reserveCapacity(count)
        for _ in 0..<count { documents.append(try reader.readString8()) }
        self.init(winningNumber: winningNumber, hasMore: hasMore, documents: documents)
    }
}
