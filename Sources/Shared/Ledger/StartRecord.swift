import WireProtocol

/// The payload of a start record: which program writes the records after it, for how many agencies.
package struct StartRecord: Equatable, Sendable {
    /// Agencies that must finish before the draw.
    package var agencies: UInt32
    /// The program's version.
    package var program: String

    package init(agencies: UInt32, program: String) {
        self.agencies = agencies
        self.program = program
    }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: agencies)
        bytes.append(string8: program)
        return bytes
    }

    /// Reads a payload; nil for bytes that are not a valid start.
    package init?(_ bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        do throws(MessageFault) {
            agencies = try reader.readInteger()
            program = try reader.readString8()
            try reader.finish()
        } catch {
            return nil
        }
    }
}
