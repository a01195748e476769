#include "error.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace finegrain {

char StepError::ID = 0;

void StepError::log(raw_ostream &OS) const { OS << Message; }

std::error_code StepError::convertToErrorCode() const {
  return inconvertibleErrorCode();
}

Error stepError(StringRef Code, const Twine &Message) {
  return make_error<StepError>(Code.str(), Message.str());
}

Error stepError(StringRef Code, Error Cause) {
  return stepError(Code, toString(std::move(Cause)));
}

} // namespace finegrain
