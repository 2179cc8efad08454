import WireProtocol

/// The agency's side of ``TLVDialect``.
package struct TLVLanguage: AgencyLanguage {
    package let name = "tlv"

    private enum Kind {
        static let chunk: UInt8 = 1
        static let consult: UInt8 = 2
        static let winners: UInt8 = 3
        static let wait: UInt8 = 4
    }

    private static let headerBytes = 5

    package let hasWinnersPort = false
    package let isOneMessagePerConnection = true
    package let rejectionCloses = true

    package init() {}

    package var separator: String? { nil }
    package var abilities: Set<AgencyAbility> { [.noBets, .paddedNumbers] }

    package var nonsense: AgencyNonsense {
        AgencyNonsense(
            empty: message(Kind.chunk, []), unknown: message(9, []), header: [Kind.chunk, 0xFF, 0xFF, 0xFF, 0xFF])
    }

    package func chunk(_ rows: [[String]], agency: String, isLast: Bool) -> [UInt8] {
        var body: [UInt8] = []
        body.append(bigEndian: UInt32(agency) ?? 0)
        for row in rows {
            var bet: [UInt8] = []
            for (index, field) in row.enumerated() {
                bet.append(UInt8(index + 1))
                bet.append(bigEndian: UInt16(field.utf8.count))
                bet.append(contentsOf: field.utf8)
            }
            body.append(bigEndian: UInt32(bet.count))
            body.append(contentsOf: bet)
        }
        return message(Kind.chunk, body)
    }

    package func finish(agency: String) -> [UInt8]? { nil }

    package func consult(agency: String) -> [UInt8] {
        var body: [UInt8] = []
        body.append(bigEndian: UInt32(agency) ?? 0)
        return message(Kind.consult, body)
    }

    package func reply(_ bytes: [UInt8], to question: AgencyQuestion) -> AgencyReading {
        if case .chunk = question {
            let expected = [UInt8](counted: "OK\n")
            guard bytes.count >= expected.count else { return expected.starts(with: bytes) ? .needsBytes : .invalid }
            return bytes.starts(with: expected)
                ? .reply(.stored, byteCount: expected.count) : .invalid
        }
        var reader = ByteReader(bytes)
        do throws(MessageFault) {
            let kind: UInt8 = try reader.readInteger()
            let length = Int(try reader.readInteger(UInt32.self))
            guard reader.remainingBytes >= length else { return .needsBytes }
            if kind == Kind.wait, length == 0 { return .reply(.notDrawnYet, byteCount: Self.headerBytes) }
            guard kind == Kind.winners, length % 4 == 0 else { return .invalid }
            var documents: [String] = []
            for _ in 0..<length / 4 { documents.append(String(try reader.readInteger(UInt32.self))) }
            return .reply(.winners(documents), byteCount: Self.headerBytes + length)
        } catch {
            return .needsBytes
        }
    }

    private func message(_ kind: UInt8, _ body: [UInt8]) -> [UInt8] {
        var bytes = [kind]
        bytes.append(bigEndian: UInt32(body.count))
        return bytes + body
    }
}
