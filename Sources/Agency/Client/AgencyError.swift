import Shared

/// What ends an agency's run before its end.
enum AgencyError: ProgramError, CustomStringConvertible {
    /// No answer came within the deadline.
    ///
    /// `unacknowledged` is the first sequence whose fate is not known.
    case deadline(Duration, lastFailure: String, unacknowledged: UInt32?)
    /// The draw did not come within `retry.drawSeconds`.
    case notDrawn(Duration)
    case refused(ErrorCode, String)
    /// The service has more bets of this agency than the file.
    case fileTooShort(path: String, storedBets: Int, fileBets: Int)
    /// The agency has finished and its file has more bets.
    case fileTooLong(path: String, unsentBets: Int)
    /// The service takes nothing more of this agency.
    case notAdmitted(String)
    case file(DiskError)

    var description: String {
        switch self {
        case .deadline(let deadline, let failure, let sequence):
            let what = "no answer within \(deadline); the last failure was: \(failure)"
            guard let sequence else { return what }
            return "\(what). unknown: sequence \(sequence) was sent and not acknowledged; run the "
                + "same command again, nothing is stored twice"
        case .notDrawn(let deadline):
            return "the draw was not published within \(deadline); run the same command again later"
        case .refused(let code, let text):
            return "the service refuses this agency (\(code)): \(text)"
        case .fileTooShort(let path, let stored, let bets):
            return "\(path) has \(bets) valid bets and the service already holds \(stored) of this "
                + "agency: this is not the file that was being sent"
        case .fileTooLong(let path, let unsent):
            return "\(path) has \(unsent) more valid bets than this agency sent before its last chunk: they "
                + "are not in the draw"
        case .notAdmitted(let text):
            return "the service takes no more bets of this agency: \(text)"
        case .file(let error):
            return "\(error)"
        }
    }

    var exit: ProgramExit {
        switch self {
        case .deadline, .notDrawn, .refused(.superseded, _): .tryLater
        case .refused: .configuration
        case .fileTooShort, .fileTooLong, .notAdmitted: .data
        case .file: .data
        }
    }
}

/// A connection or attempt failed in a way that passes by itself: the caller connects again.
struct ConnectionFailure: Error {
    var reason: String
}

/// SIGTERM or SIGINT.
struct Stopped: Error {
    var signal: String
}
