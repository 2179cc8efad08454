import Ledger
import Shell
import Storage

/// An error: there is no ledger to verify or export.
struct NoLedger: ProgramError, CustomStringConvertible {
    var path: String
    var exit: ProgramExit { .data }

    var description: String {
        "\(path): there is no ledger; nothing was sent yet, or --data and --draw name another folder"
    }

    /// Checks that the draw has a ledger.
    ///
    /// - Throws: ``NoLedger``.
    static func check(_ folder: DrawFolder, _ disk: any Disk) throws {
        guard try DurableFile.exists(folder.ledger, on: disk) else { throw NoLedger(path: folder.ledger) }
    }
}
