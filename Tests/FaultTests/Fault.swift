import Glibc

/// A failure of one system call, and the expected reaction of the service.
struct Fault: CustomStringConvertible {
    enum Kind: String, CaseIterable {
        case ioErrorBefore, ioErrorAfter, noSpaceBefore, noSpaceAfter, interruptedBefore, interruptedAfter
        /// The sync fails, and the bytes that it should have made durable are lost.
        case lost
        /// The disk is full from this call on.
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
        /// The service continues as if nothing had happened.
        case goesOn
        /// The service ends with exit code 70 and a log line that contains this text.
        case ends(saying: String)
        /// Either of them: the draw's folder is synced for its result and for progress.json, and nothing depends on the
        /// latter.
        case either
    }

    let call: TracedCall
    let kind: Kind

    var description: String { "\(call): \(kind)" }

    /// Returns every fault that makes sense for a call.
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

    /// The environment that makes the shim inject the fault.
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
        // The name of the lock's holder is written for people only; the service does not depend on it.
        let isForPeople =
            call.isLock && (call.name == "ftruncate" || call.name == "pwrite") || call.isProgress
            || call.isControl
        switch kind {
        case .full:
            return call.isProgress ? .either : .ends(saying: "No space left on device")
        case _ where isForPeople:
            return .goesOn
        case _ where call.isLock && call.name == "fstat":
            return .goesOn  // a lock that cannot be compared with its path is taken again
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
            // The rest begins inside a block, which O_DIRECT rejects.
            return isDirect && call.isLedger && call.name == "pwrite" ? failure : .goesOn
        }
    }
}
