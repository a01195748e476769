#ifndef FINEGRAIN_TARGET_H
#define FINEGRAIN_TARGET_H

#include "steps.h"
#include "llvm/Target/TargetMachine.h"
#include <memory>

namespace finegrain {

// Registers every target of this LLVM, once.
void initializeTargets();

// Returns an error for names that LLVM would only warn about on stderr.
llvm::Error checkProcessor(const llvm::Target &T, const llvm::Triple &TT,
                           llvm::StringRef CPU, llvm::StringRef Features);

// Takes out of M what functions ask for and this target does not have, as those
// of another LLVM may. LLVM would ignore it too, with a warning on stderr.
void dropUnknownProcessors(llvm::Module &M, const llvm::TargetMachine &TM);

llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(const EmitOptions &Options,
                    std::optional<llvm::CodeModel::Model> ModuleCodeModel,
                    bool HasDebugInfo);

} // namespace finegrain

#endif
