// What every step does with a body before it runs passes on it, and after.

#ifndef FINEGRAIN_PREPARE_H
#define FINEGRAIN_PREPARE_H

#include "codegen.h"
#include "module_io.h"
#include "steps.h"

namespace finegrain {

// A body in a context of its own. It is sound, and it and its functions have
// the target that the options ask for.
class PreparedBody {
public:
  static llvm::Expected<std::unique_ptr<PreparedBody>>
  open(llvm::StringRef Bitcode, const EmitOptions &Options,
       bool IsVerified = false);

  // Another body in the same context, prepared alike. It must be sound.
  llvm::Expected<std::unique_ptr<llvm::Module>>
  openOther(llvm::StringRef Bitcode);

  llvm::Module &module() { return *M; }
  CodeGenerator &generator() { return *Generator; }

  // Fails where LLVM has reported errors through the context.
  llvm::Error finish();

private:
  explicit PreparedBody(const EmitOptions &Options);

  const EmitOptions &Options;
  llvm::LLVMContext Context;
  Diagnostics Problems;
  std::unique_ptr<llvm::Module> M;
  std::unique_ptr<CodeGenerator> Generator;
};

} // namespace finegrain

#endif
