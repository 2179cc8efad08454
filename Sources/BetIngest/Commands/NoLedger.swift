import Ledger
import Shell
import Storage

/// There is nothing to verify or export.
struct NoLedger: ProgramError, CustomStringConvertible {
    var path: String
    var exit: ProgramExit { .data }

    var description: String {
        "\(path): there is no ledger; nothing was sent yet, or --data and --draw name another folder"
    }

    /// Succeeds where the draw has a ledger.
    static func check(_ folder: DrawFolder, _ disk: any Disk) throws {
        guard try DurableFile.exists(folder.ledger, on: disk) else { throw NoLedger(path: folder.ledger) }
    }
}
