import Glibc

/// What becomes of one system call, and what the service is to make of it.
struct Fault: CustomStringConvertible {
    enum Kind: String, CaseIterable {
        case ioErrorBefore, ioErrorAfter, noSpaceBefore, noSpaceAfter, interruptedBefore, interruptedAfter
        /// The sync fails, and what it was to make durable is gone.
        case lost
        /// No room from here on.
        case full
        case half
        case byte

        var effect: String {
            switch self {
            case .ioErrorBefore, .noSpaceBefore, .interruptedBefore: "before"
            case .ioErrorAfter, .noSpaceAfter, .interruptedAfter: "after"
            case .lost, .full, .half, .byte: rawValue
            }
        }

        var errorNumber: Int32 {
            switch self {
            case .ioErrorBefore, .ioErrorAfter, .lost, .half, .byte: EIO
            case .noSpaceBefore, .noSpaceAfter, .full: ENOSPC
            case .interruptedBefore, .interruptedAfter: EINTR
            }
        }
    }

    enum Outcome: Equatable {
        /// As though nothing had happened.
        case goesOn
        /// Exit 70, and a line of the log with this text.
        case ends(saying: String)
        /// The one or the other: the draw's folder is synced for its result and for progress.json, on which nothing
        /// depends.
        case either
    }

    let call: TracedCall
    let kind: Kind

    var description: String { "\(call): \(kind)" }

    /// Every fault that makes sense for a call.
    static func all(of call: TracedCall) -> [Fault] {
        Kind.allCases.filter { kind in
            switch kind {
            case .ioErrorBefore, .noSpaceBefore, .interruptedBefore: true
            case .ioErrorAfter, .noSpaceAfter, .interruptedAfter: call.hasEffect
            case .lost: call.isSync
            case .full: call.needsRoom
            case .half, .byte: call.isTransfer
            }
        }.map { Fault(call: call, kind: $0) }
    }

    /// The environment in which it happens.
    var environment: [String: String] {
        [
            "FAULT_SHIM_CALL": "\(call)", "FAULT_SHIM_EFFECT": kind.effect,
            "FAULT_SHIM_ERRNO": "\(kind.errorNumber)",
        ]
    }

    /// - Parameter isDirect: whether the ledger is written past the page cache.
    func expected(isDirect: Bool) -> Outcome {
        let failure = Outcome.ends(saying: "\(call.name) ")
        let isRetried = ["open", "pread", "pwrite", "ftruncate", "fallocate", "flock"].contains(call.name)
        // Who holds the lock is written for people: the service does without.
        let isForPeople = call.isLock && (call.name == "ftruncate" || call.name == "pwrite") || call.isProgress
        switch kind {
        case .full:
            return call.isProgress ? .either : .ends(saying: "No space left on device")
        case _ where isForPeople:
            return .goesOn
        case _ where call.isLock && call.name == "fstat":
            return .goesOn  // a lock that cannot be compared with its path is taken anew
        case _ where call.isDrawFolder && call.name != "mkdir":
            return .either
        case .interruptedBefore, .interruptedAfter:
            return isRetried ? .goesOn : failure
        case .noSpaceBefore, .noSpaceAfter:
            return call.name == "fallocate" ? .goesOn : failure
        case .ioErrorBefore, .ioErrorAfter, .lost:
            return failure
        case .half:
            return .goesOn
        case .byte:
            // What is left begins inside a block, which O_DIRECT refuses.
            return isDirect && call.isLedger && call.name == "pwrite" ? failure : .goesOn
        }
    }
}
