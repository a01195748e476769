// Errors of the steps: a stable code, which lib/errors.ts documents, and a
// message in LLVM's own words.

#ifndef FINEGRAIN_ERROR_H
#define FINEGRAIN_ERROR_H

#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include <string>

namespace finegrain {

class StepError : public llvm::ErrorInfo<StepError> {
public:
  static char ID;
  StepError(std::string Code, std::string Message)
      : Code(std::move(Code)), Message(std::move(Message)) {}

  const std::string &code() const { return Code; }
  const std::string &text() const { return Message; }
  void log(llvm::raw_ostream &OS) const override;
  std::error_code convertToErrorCode() const override;

private:
  std::string Code;
  std::string Message;
};

llvm::Error stepError(llvm::StringRef Code, const llvm::Twine &Message);
// Gives Cause, which may hold several errors, the code of this step.
llvm::Error stepError(llvm::StringRef Code, llvm::Error Cause);

} // namespace finegrain

#endif
