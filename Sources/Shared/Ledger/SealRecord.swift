import WireProtocol

/// The payload of the seal: the draw's totals, and what determines its winners.
///
/// A draw that is interrupted between sealing and publishing is repeated from here with the same outcome, even if the
/// configuration has changed.
package struct SealRecord: Equatable, Sendable {
    package var bets: UInt64
    package var agencies: UInt32
    package var winningNumber: UInt16
    /// How the number was chosen, for example `configured`.
    package var method: String

    package init(bets: UInt64, agencies: UInt32, winningNumber: UInt16, method: String) {
        self.bets = bets
        self.agencies = agencies
        self.winningNumber = winningNumber
        self.method = method
    }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: bets)
        bytes.append(bigEndian: agencies)
        bytes.append(bigEndian: winningNumber)
        bytes.append(string8: method)
        return bytes
    }

    package init?(_ bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        do throws(MessageFault) {
            bets = try reader.readInteger()
            agencies = try reader.readInteger()
            winningNumber = try reader.readInteger()
            method = try reader.readString8()
            try reader.finish()
        } catch {
            return nil
        }
    }
}
