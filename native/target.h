#ifndef FINEGRAIN_TARGET_H
#define FINEGRAIN_TARGET_H

#include "steps.h"
#include "llvm/Target/TargetMachine.h"
#include <memory>

namespace finegrain {

// Registers every target of this LLVM, once.
void initializeTargets();

llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(const EmitOptions &Options,
                    std::optional<llvm::CodeModel::Model> ModuleCodeModel);

} // namespace finegrain

#endif
