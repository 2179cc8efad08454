import Platform
import TestKit

/// An agency of the `tlv` dialect: binary, a connection per message; it asks for its winners until it gets them.
struct TLVAgency: DialectAgency {
    let id: Int
    let service: Endpoint
    /// The wait between questions; the program itself waits for 2, 4, 8, … s.
    let pause: @Sendable () throws -> Void

    /// Limit of the whole message, type and length included.
    private static let maxMessageBytes = 8_193
    private static let headerBytes = 5

    func run(rows: [[String]], chunkBets: Int) throws -> [String] {
        for chunk in try chunks(rows, of: chunkBets).flatMap(payloads) {
            try send(type: 1, payload: chunk).expect(UInt32(3).bigEndianBytes + Array("OK\n".utf8))
        }
        while true {
            let socket = try send(type: 2, payload: UInt32(id).bigEndianBytes)
            let header = try socket.take(Self.headerBytes, of: "wait or winners")
            let length = header[1...].bigEndianNumber
            switch (header[0], length) {
            case (4, 0):
                try pause()
            case (3, _) where length.isMultiple(of: 4):
                let bytes = try socket.take(length, of: "winners")
                return stride(from: 0, to: length, by: 4).map { String(bytes[$0..<$0 + 4].bigEndianNumber) }
            default:
                throw DialectAgencyError(expected: "wait or winners", came: header)
            }
        }
    }

    /// Packs bets into as few messages as their bytes allow.
    private func payloads(_ bets: [[String]]) throws -> [[UInt8]] {
        let agency = UInt32(id).bigEndianBytes
        let maxBytes = Self.maxMessageBytes - Self.headerBytes
        var payloads: [[UInt8]] = []
        var payload = agency
        for bet in bets {
            let fields = bet.enumerated().flatMap { index, value in
                [UInt8(index + 1)] + UInt16(value.utf8.count).bigEndianBytes + Array(value.utf8)
            }
            let bytes = UInt32(fields.count).bigEndianBytes + fields
            guard agency.count + bytes.count <= maxBytes else {
                throw DialectAgencyError(expected: "a bet that fits into a message", came: bytes)
            }
            if payload.count + bytes.count > maxBytes {
                payloads.append(payload)
                payload = agency
            }
            payload += bytes
        }
        return payloads + [payload]
    }

    /// Sends a message on a new connection.
    private func send(type: UInt8, payload: [UInt8]) throws -> TestSocket {
        let socket = try TestSocket(service)
        try socket.send([type] + UInt32(payload.count).bigEndianBytes + payload)
        return socket
    }
}
